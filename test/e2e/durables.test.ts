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

test('a durable that the list passes by, since another went meanwhile, keeps its commands', async () => {
  await using world = await openWorld()
  const { bus, db } = world
  // As many as come in one page of the list, and a few behind it.
  const page = Array.from({ length: 256 }, (_, i) => 1_000 + i)
  const behind = [2_000, 2_001, 2_002]
  for (const id of [...page, ...behind])
    await ensureDurable(bus.jsm, COMMANDS, functionDurable(id, 8))
  await world.say([defined(2_000), run(1, 2_000)])
  await using running = world.project()
  assert.ok(running)
  await world.projected()
  let going: readonly number[] = []
  async function* list() {
    let listed = 0
    for await (const info of bus.jsm.consumers.list(COMMANDS)) {
      yield info
      if (++listed !== page.length) continue
      for (const id of going) await bus.jsm.consumers.delete(COMMANDS, `fn-${id}`)
    }
  }
  const jsm = derived(bus.jsm, { consumers: derived(bus.jsm.consumers, { list }) })
  const reclaim = createReclaim(derived(bus, { jsm }), db)
  assert.equal(await reclaim(0), 0)
  // The projector's consumer has a name that nobody knows, and takes a place before or behind.
  going = page.slice(0, 3)
  assert.equal(await reclaim(60_000), 0)
  const consumer = await bus.js.consumers.get(COMMANDS, 'fn-2000')
  assert.equal(await (await consumer.next())?.ackAck(), true)
  going = []
  assert.equal(await reclaim(120_000), 1)
})

const derived = <T extends object>(one: T, own: object): T =>
  Object.assign(Object.create(one) as T, own)
