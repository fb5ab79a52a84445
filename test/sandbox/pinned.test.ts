/** A process of one's own, and one that nobody has used: pinned and fresh. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '../support/until.ts'
import { interpreterStates, openRig, program, resultOf, runOf, type Rig } from './support.ts'

const COUNTERS = {
  python: 'n = 0\ndef handler(event):\n    global n\n    n += 1\n    return n',
  nodejs:
    'let n = 0\nexports.handler = (event) => { if (event === "end") process.exit(3); return (n += 1) }',
} as const

describe('a process of its own', () => {
  let rig: Rig
  before(async () => {
    rig = await openRig({ maxProcesses: 8, spares: 1 })
  })
  after(() => rig.close())

  for (const [runtime, code] of Object.entries(COUNTERS)) {
    test(`${runtime}: pinned, it remembers; fresh, it has nothing to remember`, async () => {
      const counter = program(runtime as keyof typeof COUNTERS, code)
      const pinned = rig.sandbox.pin(counter)
      const others = rig.sandbox.pin(counter)
      const all = await Promise.all([1, 2, 3].map(() => pinned.run(runOf(counter))))
      assert.deepEqual(all.map(resultOf), [1, 2, 3])
      assert.equal(resultOf(await others.run(runOf(counter))), 1)
      for (let n = 0; n < 3; n++) {
        assert.equal(resultOf(await rig.run(counter, { fresh: true })), 1)
      }
      assert.equal(resultOf(await rig.run(counter)), 1, 'no pinned and no fresh one is shared')
      assert.equal(resultOf(await rig.run(counter)), 2)
      pinned.close()
      others.close()
      await Promise.all([pinned.ended, others.ended])
      await assert.rejects(pinned.run(runOf(counter)), { code: 'SANDBOX_FAILED' })
    })
  }

  test('idle, it is stopped; used again, it goes on', async () => {
    const counter = program('nodejs', COUNTERS.nodejs)
    const pinned = rig.sandbox.pin(counter)
    await pinned.run(runOf(counter))
    await until(() => [...interpreterStates().values()].some(({ stopped }) => stopped))
    assert.equal(resultOf(await pinned.run(runOf(counter))), 2)
    pinned.close()
    await pinned.ended
  })

  test('what it ends itself stays ended', async () => {
    const counter = program('nodejs', COUNTERS.nodejs)
    const pinned = rig.sandbox.pin(counter)
    await pinned.run(runOf(counter))
    const { outcome } = await pinned.run({ ...runOf(counter), event: '"end"' })
    assert.equal(outcome.ok, false)
    await pinned.ended
    await assert.rejects(pinned.run(runOf(counter)), { code: 'SANDBOX_FAILED' })
  })

  test('more of them than processes are allowed leave room for everybody else', async () => {
    const counter = program('nodejs', COUNTERS.nodejs)
    const pinned = Array.from({ length: 12 }, () => rig.sandbox.pin(counter))
    for (const each of pinned) assert.equal(resultOf(await each.run(runOf(counter))), 1)
    assert.equal(rig.sandbox.stats().pinned, 12)
    for (let n = 0; n < 10; n++) await rig.run(program('nodejs', COUNTERS.nodejs))
    for (const each of pinned) assert.equal(resultOf(await each.run(runOf(counter))), 2)
    for (const each of pinned) each.close()
    await Promise.all(pinned.map(({ ended }) => ended))
  })
})
