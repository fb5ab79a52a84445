/** How processes end against their will, and that nothing is left of them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { type RunResult, SandboxError } from '#sandbox/contract.ts'
import { layGround, startProcess } from '#sandbox/ground.ts'
import { resolveOptions } from '#sandbox/options.ts'
import {
  cgroupsOf,
  descendants,
  interpreterStates,
  isAlive,
  levels,
  openRig,
  program,
  resultOf,
  runOf,
  slotsOf,
} from './support.ts'

const counting = {
  python: 'n = 0\ndef handler(event):\n    global n\n    n += 1\n    return n',
  nodejs: 'let n = 0\nexports.handler = () => (n += 1)',
} as const

const victim = path.join(import.meta.dirname, 'victim.ts')
const KILLS = 60
const LONGEST_SETUP_MS = 15

for (const level of levels) {
  describe(`endings at level ${level === 'auto' ? 'full' : 'user'}`, () => {
    test('a process that the host kills is nobody’s fault but the sandbox’s', async () => {
      await using own = await openRig({ level, spares: 0 })
      const fn = program(
        'nodejs',
        'exports.handler = () => new Promise((r) => setTimeout(r, 60000))',
      )
      const started = Promise.withResolvers<void>()
      const run = own.run(fn, { timeoutMs: 60_000, onStart: () => started.resolve() })
      await started.promise
      for (const pid of interpreterStates().keys()) process.kill(pid, 'SIGKILL')
      await assert.rejects(
        run,
        (error) => error instanceof SandboxError && error.code === 'SANDBOX_FAILED',
      )
      assert.equal(resultOf(await own.run(program('nodejs', counting.nodejs))), 1)
      await own.close()
    })

    test('hundreds of functions in turn stay within the number of processes', async () => {
      await using small = await openRig({ level, maxProcesses: 10, spares: 1 })
      const most: number[] = []
      for (let i = 0; i < 40; i += 1) {
        const runs: Promise<RunResult>[] = []
        for (const runtime of ['python', 'nodejs'] as const) {
          runs.push(small.run(program(runtime, counting[runtime])))
        }
        for (const run of await Promise.all(runs)) assert.equal(resultOf(run), 1)
        const { spares, busy, idle } = small.sandbox.stats()
        most.push(spares + busy + idle)
      }
      assert.ok(Math.max(...most) <= 10, most.join(' '))
      await small.close()
    })

    test('closing ends what runs and refuses what comes', async () => {
      await using own = await openRig({ level })
      const fn = program('python', 'import time\ndef handler(event):\n    time.sleep(60)')
      const started = Promise.withResolvers<void>()
      const run = own.run(fn, { timeoutMs: 60_000, onStart: () => started.resolve() })
      const refused = assert.rejects(run, { code: 'SANDBOX_CLOSED' })
      await started.promise
      await own.close()
      await refused
      await assert.rejects(own.sandbox.run(runOf(fn)), { code: 'SANDBOX_CLOSED' })
      await assert.rejects(own.sandbox.check('python', ''), { code: 'SANDBOX_CLOSED' })
      await own.sandbox.close()
    })

    test('a kill at a random moment of the setup leaves no survivor', async () => {
      const cacheDir = await mkdtemp(path.join(tmpdir(), 'sluice-sandbox-test-'))
      const bwrapPath = process.env['SLUICE_BWRAP']
      const ground = await layGround(
        resolveOptions({ cacheDir, level, ...(bwrapPath === undefined ? {} : { bwrapPath }) }),
      )
      const seen = new Map<number, ReturnType<typeof descendants>[number]>()
      const before = new Set(descendants().map(({ pid }) => pid))
      for (let i = 0; i < KILLS; i += 1) {
        const started = startProcess(ground, {
          runtime: i % 2 === 0 ? 'python' : 'nodejs',
          ...{ memoryMb: 128, baseDataBytes: undefined, onTrouble: assert.ifError },
        })
        const killAt = performance.now() + Math.random() * LONGEST_SETUP_MS
        while (performance.now() < killAt) await setImmediate()
        for (const known of descendants()) if (!before.has(known.pid)) seen.set(known.pid, known)
        started.kill('aborted')
        await assert.rejects(started.ready)
        // A survivor would hold the channels open, and this would wait for ever.
        await started.removed
      }
      assert.ok(seen.size > 0)
      assert.deepEqual([...seen.values()].filter(isAlive), [])
      await ground.cgroups?.remove()
      assert.deepEqual(cgroupsOf(process.pid), [])
      await rm(cacheDir, { recursive: true })
    })

    test('a host that is killed takes its sandboxes along, and the next start its cgroups', async () => {
      const cacheDir = await mkdtemp(path.join(tmpdir(), 'sluice-sandbox-test-'))
      const before = new Set(descendants().map(({ pid }) => pid))
      const host = spawn(process.execPath, [victim, cacheDir, level], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(host.stdout, 'data')
      const isInside = (pid: number) => pid !== host.pid && !before.has(pid)
      const inside = descendants().filter(({ pid }) => isInside(pid))
      assert.ok(inside.length >= 4, 'spares and a hostile function are there')
      host.kill('SIGKILL')
      await once(host, 'close')
      while (inside.some(isAlive)) await setImmediate()
      await using rig = await openRig({ level })
      await rig.close()
      assert.deepEqual(cgroupsOf(host.pid ?? 0), [])
      if (process.getuid?.() === 0) assert.deepEqual(slotsOf(host.pid ?? 0, cacheDir), [])
      await rm(cacheDir, { recursive: true })
    })
  })
}
