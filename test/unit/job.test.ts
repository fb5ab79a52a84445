import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { claimJob, failedJob, jobSucceeded, noRun, retryDelayMs } from '#domain/job.ts'
import { envelope } from '#events/envelope.ts'
import { ATTEMPTS_MAX, jobOfMessageId, type RunJob } from '#events/jobs.ts'

const unknown = { ended: false, lastAttempt: 0, returned: 0 }
const time = '2026-01-01T00:00:00.000Z'
const command: RunJob = envelope(
  { source: 'test', time, cause: { correlationid: 'request-1', traceparent: '00-a-b-01' } },
  {
    id: 'job:42:run',
    type: 'job.run',
    subject: '7',
    data: {
      job_id: 42,
      function_id: 7,
      function_version: 3,
      definition_seq: 11,
      runtime: 'python',
      owner: 'local',
      input: { a: 1 },
      accepted_at: time,
    },
  },
)

describe('a claimed command', () => {
  it('runs without a record at its first delivery', () => {
    assert.deepEqual(claimJob(false, unknown), { kind: 'run', attempt: 1, record: false })
  })

  it('is settled if the log has its end', () => {
    assert.deepEqual(claimJob(true, { ...unknown, ended: true, lastAttempt: 1 }), {
      kind: 'settled',
    })
  })

  it('counts a first delivery that left no trace as an attempt', () => {
    assert.deepEqual(claimJob(true, unknown), { kind: 'run', attempt: 2, record: true })
  })

  it('is exhausted after the last recorded attempt', () => {
    const claim = claimJob(true, { ...unknown, lastAttempt: ATTEMPTS_MAX })
    assert.deepEqual(claim, { kind: 'exhausted', attempts: ATTEMPTS_MAX })
  })

  it('is never started more often than allowed, however often it is delivered', () => {
    let lastAttempt = 0
    let started = 0
    for (let delivery = 0; delivery < 20; delivery++) {
      const claim = claimJob(delivery > 0, { ...unknown, lastAttempt })
      if (claim.kind !== 'run') continue
      started++
      if (claim.record) lastAttempt = claim.attempt
    }
    assert.equal(started, ATTEMPTS_MAX)
  })
})

describe('a returned attempt', () => {
  it('is not counted, however many there are', () => {
    const returned = 50
    assert.deepEqual(claimJob(true, { ended: false, lastAttempt: returned, returned }), {
      kind: 'run',
      attempt: returned + 1,
      record: true,
    })
  })

  it('leaves those that were lost counted', () => {
    const history = { ended: false, lastAttempt: ATTEMPTS_MAX + 2, returned: 2 }
    assert.deepEqual(claimJob(true, history), { kind: 'exhausted', attempts: ATTEMPTS_MAX })
  })
})

describe('the delay before another attempt', () => {
  it('doubles, stays within its half and its whole, and is bounded', () => {
    for (let attempt = 1; attempt < 20; attempt++) {
      const least = retryDelayMs(attempt, 0)
      const most = retryDelayMs(attempt, 0.999_999)
      assert.ok(least >= 250 && most <= 30_000)
      assert.ok(most >= least && most <= 2 * least + 1)
    }
    assert.equal(retryDelayMs(2, 0), 2 * retryDelayMs(1, 0))
  })
})

describe('the end of a job', () => {
  it('has the same message id whatever the outcome, so a second end is a repeat', () => {
    const succeeded = jobSucceeded(command, noRun(1), null, { source: 'test', time })
    const said = { source: 'test', time, cause: { correlationid: 'sweep' } }
    const error = { code: 'EXPIRED', message: 'late' } as const
    const failed = failedJob(command.data, noRun(1), error, said)
    assert.equal(succeeded.id, failed.id)
    assert.equal(jobOfMessageId(succeeded.id), 42)
  })

  it('carries what was accepted, so that the events alone rebuild the job', () => {
    const { data, correlationid, causationid, traceparent } = jobSucceeded(
      command,
      noRun(1),
      { b: 2 },
      { source: 'test', time },
    )
    assert.deepEqual(data.input, { a: 1 })
    assert.equal(data.function_version, 3)
    assert.equal(data.accepted_at, time)
    assert.deepEqual(
      [correlationid, causationid, traceparent],
      ['request-1', 'job:42:run', '00-a-b-01'],
    )
  })
})
