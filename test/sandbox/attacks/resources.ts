/** Attacks that want more than their share: processes, memory, time, output, disk. */
import { type Attack, attempts, ENOENT, EPERM } from './attack.ts'

const filesystemFull = `
import os
def fill(folder):
    written = 0
    try:
        with open(folder + '/big', 'wb') as file:
            while written < 256 << 20:
                written += file.write(b'x' * (1 << 20))
                file.flush()
        return 'filled'
    except OSError as error:
        return error.strerror
def handler(event):
    return {folder: fill(folder) for folder in ('/', '/dev', '/tmp', '/usr')}
`

export const attacksOnResources: readonly Attack[] = [
  {
    name: 'a fork bomb forks nothing',
    runtime: 'python',
    code: attempts('os, subprocess', {
      fork: 'os.fork()',
      vfork: 'subprocess.run(["/bin/sh"])',
      spawn: 'os.posix_spawn("/usr/bin/python3", ["python3"], {})',
    }),
    expect: { answers: { fork: EPERM, vfork: EPERM, spawn: EPERM } },
  },
  {
    name: 'a fork bomb forks nothing',
    runtime: 'nodejs',
    code: `exports.handler = () => {
      const { spawnSync } = require('child_process')
      const codes = new Set()
      for (let i = 0; i < 50; i += 1) codes.add(spawnSync('/usr/bin/node').error?.code ?? 'reached')
      return [...codes]
    }`,
    expect: { answers: ['EPERM'] },
  },
  {
    name: 'a thread bomb is bounded',
    runtime: 'python',
    code: `
import threading, time
def handler(event):
    started = 0
    try:
        for _ in range(500):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            started += 1
    except RuntimeError:
        pass
    return 0 < started < 32
`,
    expect: { answers: true },
  },
  {
    name: 'a thread bomb is bounded',
    runtime: 'nodejs',
    code: `exports.handler = async () => {
      const { Worker } = require('worker_threads')
      const workers = []
      for (let i = 0; i < 100; i += 1) {
        const worker = new Worker('setInterval(() => {}, 1000)', { eval: true })
        const up = await new Promise((resolve) => { worker.on('online', () => resolve(true)); worker.on('error', () => resolve(false)) })
        if (!up) return 'bounded'
        workers.push(worker)
      }
      return 'unbounded'
    }`,
    // A second isolate reserves more than the limit: V8 gives up.
    expect: { fails: 'MEMORY_LIMIT' },
  },
  {
    name: 'a list that grows for ever meets the memory limit',
    runtime: 'python',
    code: 'def handler(event):\n    hoard = []\n    while True:\n        hoard.append(bytearray(1 << 20))',
    expect: { fails: 'MEMORY_LIMIT' },
  },
  {
    name: 'one huge allocation meets the memory limit',
    runtime: 'python',
    code: 'def handler(event):\n    return len(bytearray(1 << 40))',
    expect: { fails: 'MEMORY_LIMIT' },
  },
  {
    name: 'a heap that grows for ever meets the memory limit',
    runtime: 'nodejs',
    code: 'exports.handler = () => { const hoard = []; for (;;) hoard.push({ a: [hoard.length, "x".repeat(50)] }) }',
    expect: { fails: 'MEMORY_LIMIT' },
    timeoutMs: 30_000,
  },
  {
    name: 'buffers that grow for ever meet the memory limit',
    runtime: 'nodejs',
    code: 'exports.handler = () => { const hoard = []; for (;;) hoard.push(new Uint8Array(1 << 20).fill(1)) }',
    expect: { fails: 'MEMORY_LIMIT' },
  },
  {
    name: 'shared anonymous memory is not to be had',
    runtime: 'python',
    code: attempts('mmap', { shared: 'mmap.mmap(-1, 1 << 30)' }),
    expect: { answers: { shared: 'Cannot allocate memory' } },
  },
  {
    name: 'an endless loop that ignores every signal times out',
    runtime: 'python',
    code: `
import signal
def handler(event):
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
`,
    expect: { fails: 'TIMEOUT' },
    timeoutMs: 300,
  },
  {
    name: 'an endless loop times out',
    runtime: 'nodejs',
    code: 'exports.handler = () => { for (;;); }',
    expect: { fails: 'TIMEOUT' },
    timeoutMs: 300,
  },
  {
    name: 'a gigabyte of output is cut off',
    runtime: 'python',
    code: 'def handler(event):\n    for _ in range(1024):\n        print("x" * (1 << 20))',
    expect: { fails: 'OUTPUT_LIMIT' },
  },
  {
    name: 'a gigabyte of output is cut off',
    runtime: 'nodejs',
    code: 'exports.handler = () => { for (let i = 0; i < 1024; i += 1) console.error("x".repeat(1 << 20)) }',
    expect: { fails: 'OUTPUT_LIMIT' },
  },
  {
    name: 'the disk cannot be filled',
    runtime: 'python',
    code: filesystemFull,
    expect: {
      answers: {
        '/': 'Read-only file system',
        '/dev': 'Read-only file system',
        '/tmp': 'No space left on device',
        '/usr': 'Read-only file system',
      },
    },
    expectAtUser: {
      answers: {
        '/': 'Read-only file system',
        '/dev': 'Read-only file system',
        '/tmp': ENOENT,
        '/usr': 'Read-only file system',
      },
    },
  },
  {
    name: 'the inodes cannot be filled',
    runtime: 'python',
    code: 'def handler(event):\n    for n in range(1 << 30):\n        open("/tmp/%d" % n, "w").close()',
    expect: { fails: 'MEMORY_LIMIT' },
    expectAtUser: { fails: 'RUNTIME_ERROR', message: /No such file or directory/ },
    timeoutMs: 60_000,
    memoryMb: 64,
  },
  {
    name: 'deep recursion is an error',
    runtime: 'python',
    code: 'def handler(event):\n    return handler(event)',
    expect: { fails: 'RUNTIME_ERROR', message: /recursion/ },
  },
  {
    name: 'deep recursion without a limit ends',
    runtime: 'python',
    code: 'import sys\ndef down(n):\n    return down(n + 1)\ndef handler(event):\n    sys.setrecursionlimit(1 << 30)\n    return down(0)',
    expect: { fails: 'MEMORY_LIMIT' },
    timeoutMs: 30_000,
  },
  {
    name: 'deep recursion is an error',
    runtime: 'nodejs',
    code: 'exports.handler = function down() { return down() }',
    expect: { fails: 'RUNTIME_ERROR', message: /call stack/ },
  },
  {
    name: 'a promise that never settles behind a timer times out',
    runtime: 'nodejs',
    code: 'exports.handler = () => new Promise(() => setInterval(() => {}, 5))',
    expect: { fails: 'TIMEOUT' },
    timeoutMs: 300,
  },
]
