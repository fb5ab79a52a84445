/** The read models of sessions: what they show, and that each execution counts once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { functionMetrics } from '#projections/function-metrics.ts'
import { findJob, pageOfJobs } from '#projections/job-queries.ts'
import { sessionExecutions } from '#projections/session-executions.ts'
import { isSessionKnown } from '#projections/sessions.ts'
import { openWorld, OWNER, toldInBatches } from './fixture.ts'
import {
  again,
  cached,
  closed,
  defined,
  initialized,
  later,
  ofSession,
  SESSION,
  started,
  succeeded,
} from './happenings.ts'

test('executions count once, in the batch of their session and later, with their repeats', async () => {
  await using world = await openWorld()
  const first = succeeded(1, 1, ofSession())
  const hit = cached(2, 1, 1, ofSession())
  await world.say([defined(1), initialized(), first, again(first), hit])
  await using running = world.project()
  assert.ok(running)
  await world.projected()
  assert.equal(await isSessionKnown(world.db, SESSION), true)
  assert.equal(await isSessionKnown(world.db, 'another'), false)
  assert.deepEqual(await sessionExecutions(world.db, SESSION), {
    execution_count: 2,
    last_executed_at: later(2),
  })
  await world.say([again(hit), started(9), succeeded(9), succeeded(3, 1, ofSession()), closed()])
  await world.projected()
  assert.deepEqual(await sessionExecutions(world.db, SESSION), {
    execution_count: 3,
    last_executed_at: later(3),
  })
  assert.equal((await sessionExecutions(world.db, 'another')).execution_count, 0)
})

test('a session stays closed, however often it is said that it began and ended', async () => {
  const said = [initialized(), again(initialized()), closed(), again(initialized(), 2)]
  for await (const [{ db }, size] of toldInBatches(
    [defined(1), ...said, again(closed())],
    [1, 2, 3],
  )) {
    const row = await db
      .selectFrom('sessions')
      .select(['closed_at', 'close_reason'])
      .executeTakeFirstOrThrow()
    assert.deepEqual(row, { closed_at: later(5_000), close_reason: 'closed' }, `${size} at a time`)
  }
})

test('an execution from the cache is a job with the result of its source, and no time of its own', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  await world.say([
    defined(1),
    initialized(),
    succeeded(1, 1, ofSession()),
    cached(2, 1, 1, ofSession()),
  ])
  await world.projected()
  const job = await findJob(world.db, OWNER, 2)
  assert.deepEqual(
    [job?.status, job?.result, job?.cached_from, job?.session_id, job?.duration_ms],
    ['success', { echoed: 1 }, 1, SESSION, null],
  )
  const page = await pageOfJobs(world.db, OWNER, 1, { page: 1, perPage: 10 })
  assert.deepEqual(
    page.jobs.map(({ id, result }) => [id, result]),
    [
      [2, { echoed: 1 }],
      [1, { echoed: 1 }],
    ],
  )
  const metrics = await functionMetrics(world.db, OWNER, 1)
  assert.deepEqual([metrics.total, metrics.successful, metrics.avg_duration_ms], [2, 2, 2.5])
})

test('a session is closed once, whatever comes behind it', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  await world.say([
    initialized(),
    closed(SESSION, 1, 'lost'),
    again(closed()),
    again(initialized()),
  ])
  await world.projected()
  const row = await world.db.selectFrom('sessions').selectAll().executeTakeFirstOrThrow()
  assert.deepEqual([row.close_reason, row.closed_at], ['lost', later(5_000)])
})
