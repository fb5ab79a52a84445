/** Jobs for later in the read model: pending from their event on, in whatever order things come. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { findJob, overdueJobs } from '#projections/job-queries.ts'
import { openWorld, OWNER, type RunningProjector, type World } from './fixture.ts'
import { delayed, later, run, started, succeeded } from './happenings.ts'

let world: World
let running: RunningProjector
before(async () => {
  world = await openWorld()
  running = world.project()
  await running.projector.settled
})
after(async () => {
  await running[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const run_at = later(3_600_000)
const scheduled_for = later(3_599_000)
const seen = async (id: number) => {
  await world.projected()
  const row = await findJob(world.db, OWNER, id)
  return row && [row.status, row.run_at, row.scheduled_for, row.attempt]
}

test('a job for later is pending, keeps its times, and is overdue only after them', async () => {
  await world.say([delayed(1, 1, { run_at, scheduled_for })])
  assert.deepEqual(await seen(1), ['pending', run_at, scheduled_for, 0])
  const overdue = async (pendingBefore: string) =>
    (await overdueJobs(world.db, { pendingBefore, limit: 10 })).map(({ id }) => id)
  assert.deepEqual(await overdue(run_at), [])
  assert.deepEqual(await overdue(later(3_600_001)), [1])
  await world.say([run(1, 1, { run_at, scheduled_for }), started(1, 1)])
  assert.deepEqual(await seen(1), ['running', run_at, scheduled_for, 1])
  await world.say([succeeded(1, 1, { run_at, scheduled_for })])
  assert.deepEqual(await seen(1), ['success', run_at, scheduled_for, 1])
})

test('what comes behind the end of a job changes nothing', async () => {
  await world.say([succeeded(2, 1, { run_at })])
  await world.say([run(2, 1, { run_at }), delayed(2, 1, { run_at })])
  assert.deepEqual(await seen(2), ['success', run_at, null, 1])
})
