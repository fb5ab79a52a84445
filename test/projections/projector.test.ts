import assert from 'node:assert/strict'
import { test } from 'node:test'
import { functionMetrics } from '#projections/function-metrics.ts'
import { findFunction, listFunctions } from '#projections/functions.ts'
import { findJob, findJobLogs } from '#projections/job-queries.ts'
import {
  again,
  cancelled,
  defined,
  deleted,
  failed,
  later,
  retrying,
  run,
  started,
  succeeded,
} from './happenings.ts'
import { openWorld, OWNER } from './fixture.ts'

test('a job is pending, running and finished as the log says, and never goes back', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  await world.say([defined(1), run(7)])
  await world.projected()
  assert.equal((await findJob(world.db, OWNER, 7))?.status, 'pending')

  await world.say([started(7)])
  await world.projected()
  assert.equal((await findJob(world.db, OWNER, 7))?.status, 'running')

  await world.say([succeeded(7), started(7, 1, 2), again(failed(7)), again(run(7))])
  await world.projected()
  const job = await findJob(world.db, OWNER, 7)
  assert.equal(job?.status, 'success')
  assert.deepEqual(job.result, { echoed: 7 })
  assert.equal(job.attempt, 1)
  assert.equal(await findJob(world.db, 'somebody else', 7), undefined)
})

test('an end that comes before its command makes the whole job', async () => {
  await using world = await openWorld()
  await world.say([defined(1), failed(3)])
  await using running = world.project()
  assert.ok(running)
  await world.projected()
  await world.say([run(3)])
  await world.projected()
  const job = await findJob(world.db, OWNER, 3)
  assert.equal(job?.status, 'failed')
  assert.deepEqual(job.input, { job: 3 })
  assert.deepEqual(job.error, { code: 'RUNTIME_ERROR', message: 'boom' })
  assert.deepEqual((await functionMetrics(world.db, OWNER, 1)).failed, 1)
})

test('the first end counts, once, whether its repeats come in the same batch or later', async () => {
  await using world = await openWorld()
  const ends = Array.from({ length: 50 }, (_, job) =>
    job % 5 === 0 ? failed(job) : succeeded(job),
  )
  const others = ends.map(({ message }, job) => {
    const repeat = message.type === 'job.failed' ? succeeded(job) : failed(job)
    return again(repeat)
  })
  await world.say([...ends, ...others])
  await using running = world.project()
  assert.ok(running)
  await world.projected()
  await world.say(others.map((other) => again(other, 2)))
  await world.projected()
  const metrics = await functionMetrics(world.db, OWNER, 1)
  assert.deepEqual(metrics, {
    total: 50,
    successful: 40,
    failed: 10,
    cancelled: 0,
    success_rate: 80,
    avg_duration_ms: 2.5,
    cpu_percent: 50,
    memory_bytes: 4_096,
  })
})

test('a job that is tried again is running all along, with the error of its last failed run', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  const shown = async (id: number) => {
    await world.projected()
    const job = await findJob(world.db, OWNER, id)
    return [job?.status, job?.attempt, job?.error?.message, job?.retry_at]
  }
  await world.say([defined(1), run(1), retrying(1)])
  assert.deepEqual(await shown(1), ['running', 1, 'boom 1', later(1)])
  await world.say([started(1, 1, 2), again(run(1)), again(started(1))])
  assert.deepEqual(await shown(1), ['running', 2, 'boom 1', later(1)])
  await world.say([retrying(1, 1, 2)])
  assert.deepEqual(await shown(1), ['running', 2, 'boom 2', later(2)])
  await world.say([again(retrying(1)), again(started(1, 1, 2))])
  assert.deepEqual(await shown(1), ['running', 2, 'boom 2', later(2)])
  await world.say([succeeded(1, 1, { attempt: 3 }), retrying(1, 1, 3)])
  assert.deepEqual(await shown(1), ['success', 3, undefined, null])
  // All in one batch.
  await world.say([
    started(2),
    retrying(2),
    started(2, 1, 2),
    retrying(2, 1, 2),
    again(retrying(2)),
  ])
  assert.deepEqual(await shown(2), ['running', 2, 'boom 2', later(2)])
  assert.equal((await functionMetrics(world.db, OWNER, 1)).total, 1)
})

test('a cancelled job is failed and cancelled, and counts beside what succeeded and failed', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  await world.say([
    ...[defined(1), run(1), cancelled(1), again(succeeded(1))],
    ...[succeeded(2), again(cancelled(2)), failed(3)],
  ])
  await world.projected()
  await world.say([again(failed(1), 2), again(cancelled(3), 2)])
  await world.projected()
  const jobs = await Promise.all([1, 2, 3].map((id) => findJob(world.db, OWNER, id)))
  assert.deepEqual(
    jobs.map((job) => [job?.status, job?.cancelled, job?.error?.code]),
    [
      ['failed', true, 'CANCELLED'],
      ['success', false, undefined],
      ['failed', false, 'RUNTIME_ERROR'],
    ],
  )
  const metrics = await functionMetrics(world.db, OWNER, 1)
  const { total, successful, failed: failures, cancelled: cancels } = metrics
  assert.deepEqual([total, successful, failures, cancels], [2, 1, 1, 1])
})

test('a deleted function is deleted, and its jobs and metrics stay', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  await world.say([
    defined(1),
    defined(2),
    defined(1, 2, { code: 'v2' }),
    succeeded(1),
    deleted(1, 2),
  ])
  await world.projected()
  assert.deepEqual(
    (await listFunctions(world.db, OWNER)).map(({ id }) => id),
    [2],
  )
  const row = await findFunction(world.db, OWNER, 1)
  assert.equal(row?.version, 2)
  assert.notEqual(row.deleted_at, null)
  assert.equal((await findJob(world.db, OWNER, 1))?.status, 'success')
  assert.equal((await functionMetrics(world.db, OWNER, 1)).total, 1)
})

test('U+0000 and lone surrogates come back as they went in', async () => {
  await using world = await openWorld()
  await using running = world.project()
  assert.ok(running)
  const hostile = '\u0000 \ud800 \udc00 \uffff "\\{},null'
  const logs = [{ stream: 'stdout', time: '2026-03-01T12:00:00.000Z', text: hostile }]
  const error = { code: 'RUNTIME_ERROR', message: hostile, stack: hostile } as const
  await world.say([
    defined(1, 1, { code: hostile, description: hostile, env: { A: hostile } }),
    run(1, 1, { input: { [hostile]: hostile } }),
    succeeded(2, 1, { result: hostile, logs }),
    failed(3, 1, { error, logs }),
  ])
  await world.projected()
  assert.equal((await findFunction(world.db, OWNER, 1))?.definition.code, hostile)
  assert.deepEqual((await findJob(world.db, OWNER, 1))?.input, { [hostile]: hostile })
  assert.equal((await findJob(world.db, OWNER, 2))?.result, hostile)
  assert.deepEqual((await findJob(world.db, OWNER, 3))?.error, error)
  assert.deepEqual((await findJobLogs(world.db, OWNER, 3))?.logs, logs)
})
