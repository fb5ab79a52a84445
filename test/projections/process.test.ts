import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { functionMetrics } from '#projections/function-metrics.ts'
import { again, defined, failed, run, succeeded } from './happenings.ts'
import { openWorld, OWNER, startProcess, type World } from './fixture.ts'
import { startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const MAIN = 'apps/projector/main.ts'

const start = (world: World) => startProcess(MAIN, world.nats.url, world.database.url)

const eventsApplied = async (world: World) =>
  (await world.db.selectFrom('checkpoint').select('events_seq').executeTakeFirst())?.events_seq ?? 0

test('a projector killed again and again in mid-stream counts every end exactly once', async () => {
  await using world = await openWorld()
  const jobs = 6_000
  const log = Array.from({ length: jobs }, (_, job) => [
    job % 3 === 0 ? failed(job) : succeeded(job),
    ...(job % 2 === 0 ? [again(succeeded(job))] : []),
  ]).flat()
  const saying = world.say([defined(1), ...log])
  for (let kill = 1; kill <= 5; kill++) {
    await using running = start(world)
    await running.logged('leading')
    const due = (kill * log.length) / 7
    await until(async () => (await eventsApplied(world)) >= due)
    await running.kill('SIGKILL')
  }
  await saying
  await using last = start(world)
  await world.projected()
  const metrics = await functionMetrics(world.db, OWNER, 1)
  assert.equal(metrics.total, jobs)
  assert.equal(metrics.failed, jobs / 3)
  assert.equal(await last.kill('SIGTERM'), 0)
})

test('one of two projectors leads, and the other takes over when it is killed', async () => {
  await using world = await openWorld()
  await using first = start(world)
  assert.equal((await first.logged('ready')).role, 'leader')
  await using second = start(world)
  assert.equal((await second.logged('ready')).role, 'standby')
  await world.say([defined(1), succeeded(1)])
  await world.projected()
  await first.kill('SIGKILL')
  await second.logged('leading')
  await world.say([succeeded(2), run(3)])
  await world.projected()
  assert.equal((await functionMetrics(world.db, OWNER, 1)).total, 2)
  assert.equal(await second.kill('SIGTERM'), 0)
})

test('a standby stops when it is told to', async () => {
  await using world = await openWorld()
  await using first = start(world)
  await first.logged('leading')
  await using second = start(world)
  assert.equal((await second.logged('ready')).role, 'standby')
  assert.equal(await second.kill('SIGTERM'), 0)
})

test('a projector whose connection is cut and whose log is killed goes on by itself', async () => {
  await using world = await openWorld()
  await using running = start(world)
  await running.logged('leading')
  await world.say([defined(1), succeeded(1)])
  await world.projected()
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where application_name like 'sluice-projector%' and datname = current_database()
  `.execute(world.db)
  await world.say([succeeded(2)])
  await world.projected()
  await world.nats.kill()
  await world.nats.restart()
  await world.say([succeeded(3), run(4)])
  await world.projected()
  assert.equal((await functionMetrics(world.db, OWNER, 1)).total, 3)
})

test('a projector whose database is killed goes on by itself and counts nothing twice', async () => {
  await using postgres = await startPostgres()
  await using world = await openWorld(postgres)
  await using running = start(world)
  await running.logged('leading')
  const jobs = 3_000
  const saying = world.say([
    defined(1),
    ...Array.from({ length: jobs }, (_, job) => succeeded(job)),
  ])
  for (let kill = 1; kill <= 3; kill++) {
    await until(async () => (await eventsApplied(world)) >= (kill * jobs) / 5)
    await postgres.kill()
    await postgres.restart()
  }
  await saying
  await world.projected()
  assert.equal((await functionMetrics(world.db, OWNER, 1)).total, jobs)
  assert.equal(await running.kill('SIGTERM'), 0)
})

test('a checkpoint that is ahead of the log stops the projector and offers the rebuild', async () => {
  await using world = await openWorld()
  {
    await using running = start(world)
    await running.logged('leading')
    assert.equal(await running.kill('SIGTERM'), 0)
  }
  await world.db.updateTable('checkpoint').set({ events_seq: 1_000 }).execute()
  await using running = start(world)
  const { error } = (await running.logged('failed')) as { error: { code: string; message: string } }
  assert.equal(error.code, 'CHECKPOINT_NOT_ON_STREAM')
  assert.match(error.message, /npm run projections:rebuild/)
})
