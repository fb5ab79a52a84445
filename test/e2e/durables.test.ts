/** Every living function has its durable, whatever became of it; what belongs to none goes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Definition, FunctionRegistered } from '#events/functions.ts'
import { Appender } from '#events/jetstream/append.ts'
import { ensureDurable } from '#events/jetstream/ensure.ts'
import { COMMANDS, functionDurable, runtimeOfDurable } from '#events/streams.ts'
import { quietLog } from '#test/support/quiet-log.ts'
import { createDurables, GRACE_MS } from '../../apps/handler/durables.ts'
import { createFunctionStore } from '../../apps/handler/function-store.ts'
import { createReclaim } from '../../apps/handler/reclaim.ts'
import { startNats } from '../support/nats.ts'
import { openLog, openWorld } from '../projections/fixture.ts'
import { defined, deleted, run } from '../projections/happenings.ts'

const registered = (id: number, changes: Partial<Definition>) =>
  defined(id, 1, changes).message as FunctionRegistered

test('durables are kept complete, with the present concurrency, and orphans are cleared', async () => {
  await using nats = await startNats()
  await using world = await openLog(nats)
  const { bus, payloads } = world
  const store = createFunctionStore(bus, payloads, new Appender(bus.rpc, { giveUpAfterMs: 5_000 }))
  const { keep } = createDurables({ bus, store, concurrency: 8, log: quietLog('handler') })
  const durables = async () => {
    const found = []
    for await (const { name, config } of bus.jsm.consumers.list(COMMANDS)) {
      if (name !== 'handler') found.push([name, config.max_ack_pending, runtimeOfDurable(config)])
    }
    return found.sort()
  }

  await world.say([defined(1), defined(2, 1, { runtime: 'nodejs' }), defined(3), deleted(3)])
  // One that says itself how many of its runs may be in flight.
  await store.append([registered(6, { concurrency: 3 })], { functionSeq: 0, nameSeq: () => 0 })
  // Of another concurrency; of a function that is gone; of one that never was.
  for (const id of [2, 3, 4]) await ensureDurable(bus.jsm, COMMANDS, functionDurable(id, 64))
  await keep(Date.now())
  assert.deepEqual(await durables(), [
    ['fn-1', 8, 'python'],
    ['fn-2', 8, 'nodejs'],
    // It may be in the middle of its registration.
    ['fn-4', 64, undefined],
    ['fn-6', 3, 'python'],
  ])

  await world.say([defined(5)])
  await bus.jsm.consumers.delete(COMMANDS, 'fn-1')
  await keep(Date.now() + 2 * GRACE_MS)
  assert.deepEqual(
    (await durables()).map(([name]) => name),
    ['fn-1', 'fn-2', 'fn-5', 'fn-6'],
  )
})

test('commands that are done are reclaimed, and a stream that stands still is seldom looked at', async () => {
  await using world = await openWorld()
  const { bus, db } = world
  await ensureDurable(bus.jsm, COMMANDS, functionDurable(1, 64))
  await world.say([defined(1), run(1), run(2)])
  await using running = world.project()
  await running.projector.settled
  await world.projected()
  const reclaim = createReclaim(bus, db)
  const consumer = await bus.js.consumers.get(COMMANDS, 'fn-1')
  const done = async () => assert.equal(await (await consumer.next())?.ackAck(), true)

  let now = 0
  assert.equal(await reclaim(now), 0)
  await done()
  assert.equal(await reclaim(++now), undefined, 'nothing has moved in the stream')
  assert.equal(await reclaim((now += 2_000)), 1)
  await done()
  await world.say([run(3)])
  await world.projected()
  assert.equal(await reclaim((now += 100)), 1, 'something came')
  assert.equal(await reclaim((now += 100)), 0, 'something went')
  assert.equal(await reclaim((now += 1_999)), undefined)
  assert.equal(await reclaim((now += 2_000)), 0)
  assert.equal(await reclaim((now += 3_999)), undefined)
})
