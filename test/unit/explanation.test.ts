/** The sentence that explains a job, for what is hard to bring about. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Envelope } from '#events/envelope.ts'
import type { Definition } from '#events/functions.ts'
import type { JobRow } from '#projections/job-queries.ts'
import { explanationOf, type Known } from '../../apps/edge/explain/explanation.ts'
import type { Waiting } from '../../apps/edge/explain/waiting.ts'

const AT = '2026-01-01T00:00:00.000Z'

const row = (fields: Partial<JobRow> = {}) =>
  ({
    ...{ id: 7, function_id: 1, function_version: 1, owner: 'local', runtime: 'python' },
    ...{ status: 'pending', attempt: 0, accepted_at: AT, started_at: null, finished_at: null },
    ...{ duration_ms: null, error: null, result: null, input: null },
    ...fields,
  }) as JobRow

const waiting: Waiting = {
  ...{ position: 1, ahead: 0, in_flight: 0, concurrency: 4, expected_start: AT },
  executors: { present: 1, able: 1 },
}

const event = (type: string, data: object = {}) => ({ type, time: AT, data }) as Envelope

function explained(fields: Partial<Known>) {
  const told = { events: [], complete: true }
  return explanationOf({
    ...{ row: row(), definition: undefined, told, waiting, concurrency: 4 },
    ...fields,
  })
}

const afterEvent = (type: string, data: object) =>
  explained({ told: { events: [event(type, data)], complete: true } })

test('a runtime that no executor has is named with its reason', () => {
  const executors = { present: 2, able: 0, reason: 'no python3 was found' }
  assert.equal(
    explained({ waiting: { ...waiting, executors } }).summary,
    'It waits: no executor here can run python: no python3 was found.',
  )
})

test('a free queue says that nothing stands before it', () => {
  assert.equal(explained({}).summary, 'It is about to run: 0 jobs are ahead of it.')
})

test('what was handed out waits at an executor', () => {
  const handed = { ...waiting, position: null, ahead: null, in_flight: 1 }
  assert.match(explained({ waiting: handed }).summary, /^It was handed to an executor/)
})

test('a job for later waits for its time', () => {
  const due_at = '2999-01-01T00:00:00.000Z'
  const told = afterEvent('job.delayed', { due_at, attempt: 1 })
  assert.equal(told.summary, `It waits for its time: ${due_at}.`)
})

test('a job that was returned says why', () => {
  const told = afterEvent('job.returned', { attempt: 1, reason: 'SANDBOX_CLOSED' })
  assert.match(told.summary, /returned because of SANDBOX_CLOSED/)
})

test('a job from the cache names its source', () => {
  const told = explained({
    row: row({ status: 'success', finished_at: AT }),
    told: { events: [event('job.cached', { source_job_id: 3 })], complete: true },
  })
  assert.equal(told.summary, 'It came from the cache: its result is that of job 3.')
  assert.deepEqual(
    told.chain.map(({ what }) => what),
    ['accepted', 'answered from the cache'],
  )
})

test('what is executed in a session has the time-out of the session', () => {
  const definition = { timeout_ms: 1_000, memory_mb: 128 } as Definition
  const session = { id: 'f8c3de3d', context: { timeout_ms: 60_000, retain_session: false } }
  const limits = (data: object) =>
    explained({ definition, told: { events: [event('job.started', data)], complete: true } }).limits
  assert.equal(limits({ session })?.timeout_ms, 60_000)
  assert.equal(limits({ session: { id: 'f8c3de3d' } })?.timeout_ms, 1_000)
  assert.equal(limits({})?.timeout_ms, 1_000)
})

test('a run of less than a millisecond took some time all the same', () => {
  const summary = (duration_ms: number) =>
    explained({ row: row({ status: 'success', attempt: 1, duration_ms }) }).summary
  assert.equal(summary(0.0914), 'It ran to its end in 0.091 ms, at attempt 1.')
  assert.equal(summary(1_234.56), 'It ran to its end in 1235 ms, at attempt 1.')
})

test('what the log has forgotten is told by the job itself', () => {
  const error = { code: 'EXPIRED', message: 'Nobody ended the job within 60 seconds.' } as const
  const told = explained({ row: row({ status: 'failed', finished_at: AT, error }) })
  assert.match(told.summary, /^It failed: nobody ran it in time\. /)
  assert.equal(told.chain.at(-1)?.what, 'failed')
})

test('where a job came from is told with its acceptance', () => {
  const told = afterEvent('job.started', { attempt: 1, redriven_from: 5 })
  assert.equal(told.chain[0]?.['redriven_from'], 5)
})

test('an unknown type of event is told by its name', () => {
  assert.equal(afterEvent('job.mended', {}).chain.at(-1)?.what, 'job.mended')
})
