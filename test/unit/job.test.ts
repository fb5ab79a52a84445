import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  claimJob,
  failedJob,
  isStale,
  jobSucceeded,
  nextRunAfterMs,
  noRun,
  retryDelayMs,
} from '#domain/job.ts'
import { envelope } from '#events/envelope.ts'
import { ATTEMPTS_MAX, jobOfMessageId, type RunJob } from '#events/jobs.ts'

const unknown = {
  ...{ ended: false, lastAttempt: 0, returned: 0, failed: 0, lastFailed: 0, lastDelayed: 0 },
}
const first = { redelivered: false, from: 1, isLate: false, isStale: false }
const again = { ...first, redelivered: true }
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
    assert.deepEqual(claimJob(first, unknown), { kind: 'run', attempt: 1, record: false })
  })

  it('is settled if the log has its end', () => {
    assert.deepEqual(claimJob(again, { ...unknown, ended: true, lastAttempt: 1 }), {
      kind: 'settled',
    })
  })

  it('counts a first delivery that left no trace as an attempt', () => {
    assert.deepEqual(claimJob(again, unknown), { kind: 'run', attempt: 2, record: true })
  })

  it('is exhausted after the last recorded attempt', () => {
    const claim = claimJob(again, { ...unknown, lastAttempt: ATTEMPTS_MAX })
    assert.deepEqual(claim, { kind: 'exhausted', attempts: ATTEMPTS_MAX })
  })

  it('is never started more often than allowed, however often it is delivered', () => {
    let lastAttempt = 0
    let started = 0
    for (let delivery = 0; delivery < 20; delivery++) {
      const claim = claimJob(delivery > 0 ? again : first, { ...unknown, lastAttempt })
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
    assert.deepEqual(claimJob(again, { ...unknown, lastAttempt: returned, returned }), {
      kind: 'run',
      attempt: returned + 1,
      record: true,
    })
  })

  it('leaves those that were lost counted', () => {
    const history = { ...unknown, lastAttempt: ATTEMPTS_MAX + 2, returned: 2 }
    assert.deepEqual(claimJob(again, history), { kind: 'exhausted', attempts: ATTEMPTS_MAX })
  })
})

describe('a command behind an attempt that failed', () => {
  const failed = { ...unknown, lastAttempt: 1, failed: 1, lastFailed: 1 }

  it('is run as the attempt that it was made for', () => {
    const claim = claimJob({ ...first, from: 2 }, { ...failed, lastDelayed: 2 })
    assert.deepEqual(claim, { kind: 'run', attempt: 2, record: false })
  })

  it('is not needed any more once it failed too, which is said on if it was not', () => {
    const twice = { ...unknown, lastAttempt: 2, failed: 2, lastFailed: 2, lastDelayed: 2 }
    const delivery = { ...again, from: 2 }
    assert.deepEqual(claimJob(delivery, twice), { kind: 'handed-on', failed: 2, said: false })
    const said = { kind: 'handed-on', failed: 2, said: true }
    assert.deepEqual(claimJob(delivery, { ...twice, lastDelayed: 3 }), said)
    assert.deepEqual(claimJob(again, failed), { kind: 'handed-on', failed: 1, said: false })
  })

  it('counts what was lost since, and not what failed', () => {
    const delivery = { ...again, from: 11 }
    const ten = { ...unknown, lastAttempt: 10, failed: 10, lastFailed: 10, lastDelayed: 11 }
    assert.deepEqual(claimJob(delivery, ten), { kind: 'run', attempt: 12, record: true })
    const lost = { ...ten, lastAttempt: 10 + ATTEMPTS_MAX }
    assert.deepEqual(claimJob(delivery, lost), { kind: 'exhausted', attempts: ATTEMPTS_MAX })
  })
})

describe('a claim that comes late', () => {
  it('expires what nobody waits for any more, and what has waited too long for its first run', () => {
    const expired = { kind: 'expired', attempts: 0 }
    assert.deepEqual(claimJob({ ...first, isLate: true }, unknown), expired)
    assert.deepEqual(claimJob({ ...first, isStale: true }, unknown), expired)
    assert.deepEqual(claimJob({ ...again, isStale: true }, unknown), expired)
  })

  it('runs on what was begun in time', () => {
    const begun = { ...unknown, lastAttempt: 1 }
    assert.equal(claimJob({ ...again, isStale: true }, begun).kind, 'run')
    const failed = { ...begun, failed: 1, lastFailed: 1, lastDelayed: 2 }
    assert.equal(claimJob({ ...first, from: 2, isStale: true }, failed).kind, 'run')
  })

  it('counts from when the job could first be run', () => {
    const job = { ...command.data, accepted_at: time }
    const at = (s: number) => Date.parse(time) + s * 1_000
    assert.equal(isStale(job, undefined, at(1e9)), false)
    assert.deepEqual([isStale(job, 60, at(60)), isStale(job, 60, at(61))], [false, true])
    const later = { ...job, run_at: new Date(at(100)).toISOString() }
    assert.deepEqual([isStale(later, 60, at(160)), isStale(later, 60, at(161))], [false, true])
  })
})

describe('a retry policy', () => {
  const boom = { code: 'RUNTIME_ERROR', runs: 1 } as const

  it('allows as many runs as it says, and none where there is no policy', () => {
    assert.equal(nextRunAfterMs(undefined, boom, 0), undefined)
    const follows = (runs: number) => nextRunAfterMs({ attempts: 3 }, { ...boom, runs }, 0)
    assert.deepEqual([1, 2, 3].map(follows), [500, 1_000, undefined])
  })

  it('backs off from its base to its cap, above the half', () => {
    const policy = { attempts: 20, backoff_ms: 100, max_backoff_ms: 1_000 }
    const after = (runs: number, chance: number) =>
      nextRunAfterMs(policy, { ...boom, runs }, chance)
    assert.deepEqual(
      [1, 2, 3, 4, 5, 19].map((runs) => after(runs, 0)),
      [50, 100, 200, 400, 500, 500],
    )
    assert.ok((after(5, 0.999_999) ?? Infinity) <= 1_000)
  })

  it('follows only the codes that it names, and only failures of the code itself', () => {
    const policy = { attempts: 2, codes: ['TIMEOUT' as const] }
    assert.equal(nextRunAfterMs(policy, boom, 0), undefined)
    assert.equal(nextRunAfterMs(policy, { code: 'TIMEOUT', runs: 1 }, 0), 500)
    const lost = { code: 'ATTEMPTS_EXHAUSTED', runs: 1 } as const
    assert.equal(nextRunAfterMs({ attempts: 2 }, lost, 0), undefined)
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
