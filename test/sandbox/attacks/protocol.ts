/** Attacks on the runner, its channel and what it reports. */
import { type Attack } from './attack.ts'

const frame = (type: number, id: string, payload: string) => `
import os, struct
def handler(event):
    payload = ${payload}
    data = struct.pack('<IBI', len(payload), ${type}, ${id}) + payload
    while data:
        data = data[os.write(3, data):]
    return 'honest'
`

const poison = `
import builtins, json, sys, os, struct
def handler(event):
    json.dumps = json.loads = lambda *a, **k: '"poisoned"'
    json.JSONEncoder.encode = json.JSONDecoder.decode = lambda *a, **k: '"poisoned"'
    sys.stdout = sys.stderr = None
    os.write = os.read = lambda *a: 0
    struct.Struct = None
    for frame in (sys._getframe(1), sys._getframe(2)):
        frame.f_globals['_decode'] = lambda text: 'poisoned'
        frame.f_globals['encode'] = lambda value: b'"poisoned"'
    builtins.len = lambda value: 0
    return 1
`

export const attacksOnProtocol: readonly Attack[] = [
  {
    name: 'a forged frame breaks the protocol',
    runtime: 'python',
    code: frame(18, '1', "b'\\\\0' * 24 + b'1'"),
    expect: { fails: 'RUNTIME_ERROR', message: /broke the protocol/ },
  },
  {
    name: 'a forged frame breaks the protocol',
    runtime: 'nodejs',
    code: `exports.handler = () => { const frame = Buffer.alloc(34); frame.writeUInt32LE(25, 0); frame[4] = 18; require('fs').writeSync(3, frame); return 1 }`,
    expect: { fails: 'RUNTIME_ERROR', message: /broke the protocol/ },
  },
  {
    name: 'an oversized frame is refused before it is read',
    runtime: 'python',
    code: `
import os, struct
def handler(event):
    os.write(3, struct.pack('<IBI', 1 << 30, 18, 1))
    while True:
        os.write(3, b'x' * 65536)
`,
    expect: { fails: 'RUNTIME_ERROR', message: /1073741824 bytes/ },
  },
  {
    name: 'noise on the channel breaks the protocol',
    runtime: 'nodejs',
    code: `exports.handler = () => { require('fs').writeSync(3, Buffer.alloc(100)); return 1 }`,
    expect: { fails: 'RUNTIME_ERROR', message: /broke the protocol/ },
  },
  {
    name: 'a closed channel ends the run',
    runtime: 'python',
    code: 'import os, time\ndef handler(event):\n    os.close(3)\n    time.sleep(60)',
    expect: { fails: 'RUNTIME_ERROR', message: /closed the channel/ },
  },
  {
    name: 'a promise that never settles is told at once',
    runtime: 'nodejs',
    code: 'exports.handler = () => new Promise(() => {})',
    expect: { fails: 'RUNTIME_ERROR', message: /waits for a promise/ },
    timeoutMs: 60_000,
  },
  {
    name: 'a result that contains itself is refused',
    runtime: 'python',
    code: 'def handler(event):\n    a = {"b": []}\n    a["b"].append(a)\n    return a',
    expect: { fails: 'RUNTIME_ERROR', message: /result\.b\[0\] contains itself/ },
  },
  {
    name: 'a result that contains itself is refused',
    runtime: 'nodejs',
    code: 'exports.handler = () => { const a = { b: [] }; a.b.push(a); return a }',
    expect: { fails: 'RUNTIME_ERROR', message: /result\.b\[0\] contains itself/ },
  },
  {
    name: 'NaN is refused',
    runtime: 'python',
    code: 'def handler(event):\n    return {"a": [1, float("nan")]}',
    expect: { fails: 'RUNTIME_ERROR', message: /result\.a\[1\] is nan/ },
  },
  {
    name: 'NaN is refused',
    runtime: 'nodejs',
    code: 'exports.handler = () => ({ a: [1, NaN] })',
    expect: { fails: 'RUNTIME_ERROR', message: /result\.a\[1\] is NaN/ },
  },
  {
    name: 'a poisoned runner poisons nobody else',
    runtime: 'python',
    code: poison,
    expect: { fails: 'RUNTIME_ERROR' },
  },
  {
    name: 'a poisoned runner poisons nobody else',
    runtime: 'nodejs',
    code: `exports.handler = () => {
      JSON.stringify = JSON.parse = () => '"poisoned"'
      Object.prototype.toJSON = () => 'poisoned'
      Buffer.allocUnsafe = Buffer.byteLength = () => { throw new Error('poisoned') }
      Promise.prototype.then = () => {}
      require('fs').writeSync = require('fs').readSync = () => 0
      process.stdout = process.stderr = null
      return 1
    }`,
    expect: { fails: 'RUNTIME_ERROR' },
  },
  {
    name: 'an exit is told',
    runtime: 'python',
    code: 'import os\ndef handler(event):\n    os._exit(3)',
    expect: { fails: 'RUNTIME_ERROR', message: /exit code 3/ },
  },
  {
    name: 'an exit is told',
    runtime: 'nodejs',
    code: 'exports.handler = () => process.exit(0)',
    expect: { fails: 'RUNTIME_ERROR', message: /exit code 0/ },
  },
  {
    name: 'a crash is told',
    runtime: 'python',
    code: 'import ctypes\ndef handler(event):\n    ctypes.string_at(0)',
    expect: { fails: 'RUNTIME_ERROR', message: /SIGSEGV/ },
  },
  {
    name: 'an abort is told',
    runtime: 'nodejs',
    code: 'exports.handler = () => process.abort()',
    expect: { fails: 'RUNTIME_ERROR', message: /crashed/ },
  },
  {
    name: 'an error in a timer is told',
    runtime: 'nodejs',
    code: 'exports.handler = () => new Promise(() => setTimeout(() => { throw new TypeError("late") }, 1))',
    expect: { fails: 'RUNTIME_ERROR', message: /late/ },
  },
  {
    name: 'a forgotten rejection is told',
    runtime: 'nodejs',
    code: 'exports.handler = async () => { Promise.reject(new Error("forgotten")); await new Promise((resolve) => setTimeout(resolve, 20)) }',
    expect: { fails: 'RUNTIME_ERROR', message: /forgotten/ },
  },
  {
    name: 'a result that is too large is told with both sizes',
    runtime: 'python',
    code: 'def handler(event):\n    return "x" * 2000000',
    expect: { fails: 'RUNTIME_ERROR', message: /2000002 bytes; at most 1048576/ },
  },
  {
    name: 'a result that is too large is told with both sizes',
    runtime: 'nodejs',
    code: 'exports.handler = () => "x".repeat(2000000)',
    expect: { fails: 'RUNTIME_ERROR', message: /2000002 bytes; at most 1048576/ },
  },
]
