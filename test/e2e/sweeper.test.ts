/** What the sweeper ends, and what it leaves to whoever holds the command. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { acceptedOf, type JobAccepted, type JobFailed } from '#events/jobs.ts'
import { ensureDurable } from '#events/jetstream/ensure.ts'
import { Appender } from '#events/jetstream/append.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import { COMMANDS, EVENTS, functionDurable, laterDurable } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { findJob } from '#projections/job-queries.ts'
import { quietLog } from '#test/support/quiet-log.ts'
import { createJobEnds } from '../../apps/handler/job-ends.ts'
import { Sweeper } from '../../apps/handler/sweeper.ts'
import { openWorld, OWNER, type Said, type World } from '../projections/fixture.ts'
import {
  accepted,
  defined,
  delayed,
  initialized,
  retrying,
  run,
  started,
} from '../projections/happenings.ts'

const HOUR_MS = 3_600_000

const NOW = new Date().toISOString()
const justNow = (one: Said): Said => {
  const data = { ...(one.message.data as object), accepted_at: NOW, started_at: NOW }
  return { ...one, message: { ...one.message, data } }
}

function newSweeper({ bus, db, payloads }: World): Sweeper {
  const appender = new Appender(bus.rpc, { giveUpAfterMs: 5_000 })
  const endJob = createJobEnds({ payloads, appender, ttlDays: 30 })
  return new Sweeper({ db, bus, endJob, log: quietLog('sweeper') })
}

/** Beside read models that know what was said so far, and follow the log until the scope ends. */
async function sweeperOf(world: World): Promise<Pick<Sweeper, 'sweep'> & AsyncDisposable> {
  await using starting = new AsyncDisposableStack()
  const { projector } = starting.use(world.project())
  await projector.settled
  await world.projected()
  const sweeper = newSweeper(world)
  const owned = starting.move()
  return {
    sweep: (nowMs) => sweeper.sweep(nowMs),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

test('a job ends as expired when its command is gone, and not before', async () => {
  await using world = await openWorld()
  const { bus, db } = world
  for (const id of [1, 2, 3]) await ensureDurable(bus.jsm, COMMANDS, functionDurable(id, 64))
  await world.say([
    ...[1, 2, 3].map((id) => defined(id)),
    // Of function 1 everything waits, with an executor that stands still or is away.
    ...[run(11, 1), started(11, 1), run(12, 1)].map(justNow),
    // Calls of function 2: it has no commands. Of function 3 a command that is done.
    ...[started(21, 2), run(31, 3), started(31, 3)].map(justNow),
  ])
  const consumer = await bus.js.consumers.get(COMMANDS, 'fn-3')
  const message = await consumer.next({ expires: 5_000 })
  assert.equal(await message?.ackAck(), true)
  await using sweeper = await sweeperOf(world)
  const later = Date.now() + HOUR_MS
  assert.equal(await sweeper.sweep(later), 0, 'the first sweep only suspects')
  assert.equal(await sweeper.sweep(later), 2)
  await world.projected()
  const statuses = async (...ids: number[]) =>
    Promise.all(ids.map(async (id) => (await findJob(db, OWNER, id))?.status))
  assert.deepEqual(await statuses(11, 12, 21, 31), ['running', 'pending', 'failed', 'failed'])

  await bus.jsm.streams.purge(COMMANDS)
  assert.equal(await sweeper.sweep(later), 0)
  assert.equal(await sweeper.sweep(later), 2)
  await world.projected()
  assert.deepEqual(await statuses(11, 12), ['failed', 'failed'])
})

test('a job for later is not ended before its time, nor while the log may hold it back', async () => {
  await using world = await openWorld()
  const { bus, db } = world
  await ensureDurable(bus.jsm, COMMANDS, functionDurable(1, 64))
  const now = Date.now()
  const at = (ms: number) => new Date(now + ms).toISOString()
  await world.say([
    defined(1),
    delayed(1, 1, { accepted_at: at(0), run_at: at(2 * HOUR_MS) }),
    delayed(2, 1, { accepted_at: at(0), run_at: at(HOUR_MS / 2) }),
  ])
  await using sweeper = await sweeperOf(world)
  const later = now + HOUR_MS
  assert.equal(await sweeper.sweep(later), 0)
  assert.equal(await sweeper.sweep(later), 0, 'nobody has fired it yet')

  // Fired, as far as the log can tell, and its command lost.
  const consumer = await bus.js.consumers.get(EVENTS, laterDurable.durable_name)
  for (let n = 0; n < 2; n++) await (await consumer.next({ expires: 5_000 }))?.ackAck()
  assert.equal(await sweeper.sweep(later), 0, 'the first sweep only suspects')
  assert.equal(await sweeper.sweep(later), 1)
  await world.projected()
  assert.equal((await findJob(db, OWNER, 2))?.status, 'failed')
  assert.equal((await findJob(db, OWNER, 1))?.status, 'pending')
})

test('a job ends that has waited too long, and one that waits to be tried again does not', async () => {
  await using world = await openWorld()
  const { bus, db } = world
  for (const id of [1, 2]) await ensureDurable(bus.jsm, COMMANDS, functionDurable(id, 64))
  const inAnHour = new Date(Date.now() + HOUR_MS).toISOString()
  await world.say([
    defined(1, 1, { max_queue_age: 60 }),
    defined(2),
    // Commands that nobody claims.
    ...[run(11, 1), run(12, 1), started(12, 1)].map(justNow),
    // Its next attempt is not yet on COMMANDS.
    ...[started(21, 2), retrying(21, 2, 1, inAnHour)].map(justNow),
  ])
  await using sweeper = await sweeperOf(world)
  const now = Date.parse(NOW)
  assert.equal(await sweeper.sweep(now + 65_000), 0)
  assert.equal(await sweeper.sweep(now + 75_000), 1)
  await world.projected()
  const job = await findJob(db, OWNER, 11)
  assert.deepEqual([job?.status, job?.error?.code], ['failed', 'EXPIRED'])
  assert.equal((await findJob(db, OWNER, 12))?.status, 'running')
  assert.equal(await sweeper.sweep(now + HOUR_MS - 1_000), 0)
  assert.equal((await findJob(db, OWNER, 21))?.status, 'running')
  // Long past its time, and still without a command.
  const later = now + 2 * HOUR_MS
  assert.equal(await sweeper.sweep(later), 0)
  assert.equal(await sweeper.sweep(later), 1)
})

test('an execution has the time of its session, however little its function wants', async () => {
  await using world = await openWorld()
  const { db } = world
  const [long, short] = [randomUUID(), randomUUID()]
  await world.say([
    defined(1, 1, { timeout_ms: 1_000 }),
    initialized(long, 1, NOW, 600_000),
    initialized(short, 1, NOW, 1_000),
    justNow(started(11, 1, 1, { session: { id: long } })),
    justNow(started(12, 1, 1, { session: { id: short } })),
  ])
  await using sweeper = await sweeperOf(world)
  const endedAt = async (nowMs: number) => {
    const counts = [await sweeper.sweep(nowMs), await sweeper.sweep(nowMs)]
    await world.projected()
    return counts
  }
  const start = Date.parse(NOW)
  assert.deepEqual(await endedAt(start + 550_000), [0, 1])
  assert.equal((await findJob(db, OWNER, 11))?.status, 'running')
  assert.equal((await findJob(db, OWNER, 12))?.status, 'failed')
  assert.deepEqual(await endedAt(start + 700_000), [0, 1])
  assert.equal((await findJob(db, OWNER, 11))?.status, 'failed')
})

test('the end that it says carries all that was accepted', async () => {
  await using world = await openWorld()
  const { bus, payloads } = world
  const whole: Required<JobAccepted> = {
    ...accepted(11),
    run_at: NOW,
    scheduled_for: NOW,
    session: { id: randomUUID() },
    redriven_from: 10,
  }
  await world.say([defined(1), delayed(11, 1, whole)])
  await using sweeper = await sweeperOf(world)
  const consumer = await bus.js.consumers.get(EVENTS, laterDurable.durable_name)
  await (await consumer.next({ expires: 5_000 }))?.ackAck()
  const later = Date.now() + HOUR_MS
  for (let sweeps = 0; sweeps < 2; sweeps++) await sweeper.sweep(later)
  const on = { last_by_subj: subjects.jobEvent(1, 'failed') }
  const end = await readEvent<JobFailed>(bus, payloads, on)
  assert.ok(end)
  assert.deepEqual(acceptedOf(end.event.data), whole)
})

test('an execution that its session gives more time than the function is left to run', async () => {
  await using world = await openWorld()
  const { db } = world
  const { subject, message } = justNow(started(11, 1))
  const data = { ...(message.data as object), session: { id: randomUUID() } }
  await world.say([
    defined(1, 1, { timeout_ms: 1_000 }),
    { subject, message: { ...message, data } },
    justNow(started(12, 1)),
  ])
  await using sweeper = await sweeperOf(world)
  const later = Date.parse(NOW) + 600_000
  assert.equal(await sweeper.sweep(later), 0)
  assert.equal(await sweeper.sweep(later), 1)
  await world.projected()
  assert.equal((await findJob(db, OWNER, 11))?.status, 'running')
  assert.equal((await findJob(db, OWNER, 12))?.status, 'failed')
  assert.equal(await sweeper.sweep(later + HOUR_MS), 0)
  assert.equal(await sweeper.sweep(later + HOUR_MS), 1)
})

test('no job is ended by a read model that is behind the log', async () => {
  await using world = await openWorld()
  const { bus, db } = world
  for (const id of [1, 2]) await ensureDurable(bus.jsm, COMMANDS, functionDurable(id, 64))
  await world.say([
    defined(1, 1, { max_queue_age: 60 }),
    defined(2),
    ...[run(11, 1), run(21, 2)].map(justNow),
  ])
  {
    await using running = world.project()
    await running.projector.settled
    await world.projected()
  }
  // One was begun in time and runs; the other failed, is done with, and waits to be tried again.
  const retryAt = new Date(Date.parse(NOW) + 2 * HOUR_MS).toISOString()
  await world.say([started(11, 1), retrying(21, 2, 1, retryAt)].map(justNow))
  const consumer = await bus.js.consumers.get(COMMANDS, 'fn-2')
  assert.equal(await (await consumer.next({ expires: 5_000 }))?.ackAck(), true)
  const sweeper = newSweeper(world)
  const later = Date.parse(NOW) + HOUR_MS
  for (let sweeps = 0; sweeps < 3; sweeps++) assert.equal(await sweeper.sweep(later), 0)
  await using running = world.project()
  await running.projector.settled
  await world.projected()
  for (let sweeps = 0; sweeps < 2; sweeps++) assert.equal(await sweeper.sweep(later), 0)
  assert.equal((await findJob(db, OWNER, 11))?.status, 'running')
  assert.equal((await findJob(db, OWNER, 21))?.status, 'running')
})
