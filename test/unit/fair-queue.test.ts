import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FairQueue, type Work } from '../../apps/executor/fair-queue.ts'
import { Shares } from '../../apps/runtime/shares.ts'

interface Started {
  readonly key: number
  readonly free: () => void
  readonly settle: () => void
}

/** Time flies: whoever was there is gone again. */
function alone(): Shares {
  let now = 0
  return new Shares(() => (now += 1_000))
}

function harness(bounds: { slots: number; perKey: number; ceiling: number }, shares = alone()) {
  const started: Started[] = []
  const queue = new FairQueue<Work>({
    ...bounds,
    shares,
    start: ({ key }, free) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      started.push({ key, free, settle: resolve })
      return promise
    },
  })
  return { queue, started, keys: () => started.map(({ key }) => key) }
}

describe('the fair queue', () => {
  it('goes round among the functions that wait, however many runs one of them has', () => {
    const { queue, started, keys } = harness({ slots: 1, perKey: 1, ceiling: 1 })
    for (let i = 0; i < 100; i++) queue.push({ key: 1 })
    queue.push({ key: 2 })
    queue.push({ key: 3 })
    for (let i = 0; i < 4; i++) started.at(-1)?.free()
    assert.deepEqual(keys(), [1, 1, 2, 3, 1])
  })

  it('keeps a function within its own bound although slots are free', () => {
    const { queue, started } = harness({ slots: 4, perKey: 2, ceiling: 8 })
    for (let i = 0; i < 10; i++) queue.push({ key: 1 })
    assert.equal(started.length, 2)
  })

  it('starts a function that has none in flight although slow ones hold every slot', () => {
    const { queue, keys } = harness({ slots: 4, perKey: 2, ceiling: 6 })
    for (const key of [1, 1, 2, 2, 3, 4]) queue.push({ key })
    assert.deepEqual(keys(), [1, 1, 2, 2, 3, 4])
    queue.push({ key: 5 })
    assert.equal(keys().length, 6, 'the ceiling holds')
  })

  it('starts the next run when the slot is free, not when the last one is settled', async () => {
    const { queue, started } = harness({ slots: 1, perKey: 1, ceiling: 1 })
    queue.push({ key: 1 })
    queue.push({ key: 1 })
    started[0]?.free()
    assert.equal(started.length, 2)
    const idle = queue.idle()
    let settled = false
    const watched = idle.then(() => {
      settled = true
    })
    started[1]?.settle()
    await Promise.resolve()
    assert.equal(settled, false, 'the first outcome is still being stored')
    started[0]?.settle()
    await watched
    assert.deepEqual([queue.running, queue.waiting], [0, 0])
  })

  it('waits for the outcomes of a function before its next run while others are there', async () => {
    const { queue, started, keys } = harness(
      { slots: 4, perKey: 1, ceiling: 8 },
      new Shares(() => 0),
    )
    for (const key of [2, 1, 1]) queue.push({ key })
    assert.deepEqual(keys(), [2, 1])
    started[1]?.free()
    assert.deepEqual(keys(), [2, 1], 'its outcome is still being stored')
    started[1]?.settle()
    await new Promise(setImmediate)
    assert.deepEqual(keys(), [2, 1, 1])
  })

  it('hands back what was not started', () => {
    const { queue } = harness({ slots: 1, perKey: 1, ceiling: 1 })
    for (const key of [1, 1, 2]) queue.push({ key })
    assert.deepEqual(queue.clear(), [{ key: 1 }, { key: 2 }])
    assert.equal(queue.waiting, 0)
  })
})
