/**
 * Decisions about jobs: whether a claimed command is run, and how what came of it is told.
 *
 * Invariants:
 * 1. A run of the user's code that ended is a result, whatever its outcome; it is repeated only as
 *    the function's own retry policy says, under the next attempt's number.
 * 2. At most `ATTEMPTS_MAX` attempts of a job are lost, however often its command is delivered.
 *    What an executor returned, because it could not run it or was told to stop, is not lost.
 */
import { causedBy, envelope, type Said } from '#events/envelope.ts'
import { RETRY_CODES, type RetryPolicy } from '#events/functions.ts'
import {
  acceptedOf,
  ATTEMPTS_MAX,
  jobMessageId,
  type JobAccepted,
  type JobCached,
  type JobCancelled,
  type JobDelayed,
  type JobError,
  type JobErrorCode,
  type JobFailed,
  type JobLogLine,
  type JobRetrying,
  type JobReturned,
  type JobStarted,
  type JobSucceeded,
  type RunData,
  type RunJob,
} from '#events/jobs.ts'
import type { Json } from '#events/json.ts'

const RETRY_BASE_MS = 500
const RETRY_CAP_MS = 30_000
/** Of a retry policy that does not say. */
const BACKOFF_MS = 1_000
const BACKOFF_MAX_MS = 60_000

/** What the log says about earlier deliveries of a command. */
export interface JobHistory {
  readonly ended: boolean
  /** The highest attempt that was recorded as started, returned or failed; 0: none. */
  readonly lastAttempt: number
  /** How many attempts were returned. */
  readonly returned: number
  /** How many ended as failed, to be followed by another; and the last of them, 0: none. */
  readonly failed: number
  readonly lastFailed: number
  /** The last attempt that the log holds, or has held, back; 0: none. */
  readonly lastDelayed: number
}

/** What a delivered command asks for. */
export interface Delivery {
  readonly redelivered: boolean
  /** The attempt that it was made for; 1 unless another one failed before. */
  readonly from: number
  /** Nobody waits for it any more: it is past its deadline. */
  readonly isLate: boolean
  /** It has waited longer than its function wants. */
  readonly isStale: boolean
}

export type Claim =
  /** Run it. `record`: append its start first, because an earlier start may have been lost. */
  | { readonly kind: 'run'; readonly attempt: number; readonly record: boolean }
  /** It has its end already. */
  | { readonly kind: 'settled' }
  /** An attempt of it failed, and the next one is another command's, which may not yet be said. */
  | { readonly kind: 'handed-on'; readonly failed: number; readonly said: boolean }
  /** Nobody wants it run any more. */
  | { readonly kind: 'expired'; readonly attempts: number }
  /** Every attempt was lost. */
  | { readonly kind: 'exhausted'; readonly attempts: number }

/**
 * A first delivery runs without a record, so a short job costs one event only. Whoever gets the
 * command again cannot know whether the first one had started, and counts it as an attempt.
 */
export function claimJob(delivery: Delivery, history: JobHistory): Claim {
  const { redelivered, from, isLate, isStale } = delivery
  const { ended, lastAttempt, returned, failed, lastFailed, lastDelayed } = history
  if (ended) return { kind: 'settled' }
  if (lastFailed >= from) {
    return { kind: 'handed-on', failed: lastFailed, said: lastDelayed > lastFailed }
  }
  const before = Math.max(redelivered ? from : from - 1, lastAttempt)
  const isFirst = from === 1 && lastAttempt === 0
  if (isLate || (isStale && isFirst)) return { kind: 'expired', attempts: lastAttempt }
  const lost = before - returned - failed
  if (lost >= ATTEMPTS_MAX) return { kind: 'exhausted', attempts: lost }
  return { kind: 'run', attempt: before + 1, record: redelivered }
}

/** Exponential, with full jitter above the half; `chance` is in [0, 1). */
export function retryDelayMs(
  attempt: number,
  chance: number,
  { base = RETRY_BASE_MS, cap = RETRY_CAP_MS } = {},
): number {
  const ceiling = Math.min(cap, base * 2 ** (attempt - 1))
  return Math.round(ceiling / 2 + (ceiling / 2) * chance)
}

export interface FailedRun {
  readonly code: JobErrorCode
  /** Of the job's runs that ended, this one too. */
  readonly runs: number
}

/** How long after a failed run the next one is due; undefined: that was the last one. */
export function nextRunAfterMs(
  policy: RetryPolicy | undefined,
  { code, runs }: FailedRun,
  chance: number,
): number | undefined {
  if (policy === undefined || runs >= policy.attempts) return undefined
  const { codes = RETRY_CODES, backoff_ms = BACKOFF_MS, max_backoff_ms = BACKOFF_MAX_MS } = policy
  if (!codes.some((retried) => retried === code)) return undefined
  return retryDelayMs(runs, chance, { base: backoff_ms, cap: max_backoff_ms })
}

/** Whether a job has waited longer than `maxAgeS` since it could first have been run. */
export function isStale(
  { accepted_at, run_at = accepted_at }: Pick<JobAccepted, 'accepted_at' | 'run_at'>,
  maxAgeS: number | null | undefined,
  nowMs: number,
): boolean {
  return typeof maxAgeS === 'number' && nowMs - Date.parse(run_at) > maxAgeS * 1_000
}

export interface JobRun {
  readonly attempt: number
  readonly duration_ms: number | null
  readonly cpu_ms: number
  readonly memory_bytes: number
  readonly logs: readonly JobLogLine[]
  readonly logs_truncated: boolean
}

/** A run that never came to an end of its own. */
export const noRun = (attempt: number): JobRun => ({
  attempt,
  duration_ms: null,
  cpu_ms: 0,
  memory_bytes: 0,
  logs: [],
  logs_truncated: false,
})

type Saying = Pick<Said, 'source' | 'time'>

/** What `data` asks for, held back until `dueAt`: then the log has it as the run command. */
export function jobDelayed(data: RunData, dueAt: string, attempt: number, said: Said): JobDelayed {
  const { job_id, function_id } = data
  return envelope(said, {
    id: jobMessageId.delay(job_id, attempt),
    type: 'job.delayed',
    subject: String(function_id),
    data: { ...data, attempt, due_at: dueAt },
  })
}

export function jobStarted(command: RunJob, attempt: number, saying: Saying): JobStarted {
  const job = acceptedOf(command.data)
  return envelope(
    { ...saying, cause: causedBy(command) },
    {
      id: jobMessageId.start(job.job_id, attempt),
      type: 'job.started',
      subject: String(job.function_id),
      data: { ...job, attempt, started_at: saying.time },
    },
  )
}

export function jobReturned(
  command: RunJob,
  attempt: number,
  reason: string,
  saying: Saying,
): JobReturned {
  const { job_id, function_id } = command.data
  return envelope(
    { ...saying, cause: causedBy(command) },
    {
      id: jobMessageId.returned(job_id, attempt),
      type: 'job.returned',
      subject: String(function_id),
      data: { job_id, function_id, attempt, reason, returned_at: saying.time },
    },
  )
}

export function jobRetrying(
  command: RunJob,
  { attempt, error, retryAt }: { attempt: number; error: JobError; retryAt: string },
  saying: Saying,
): JobRetrying {
  const job = acceptedOf(command.data)
  return envelope(
    { ...saying, cause: causedBy(command) },
    {
      id: jobMessageId.retry(job.job_id, attempt),
      type: 'job.retrying',
      subject: String(job.function_id),
      data: { ...job, attempt, failed_at: saying.time, error, retry_at: retryAt },
    },
  )
}

export function jobSucceeded(
  command: RunJob,
  run: JobRun,
  result: Json,
  saying: Saying,
): JobSucceeded {
  const job = acceptedOf(command.data)
  return envelope(
    { ...saying, cause: causedBy(command) },
    {
      id: jobMessageId.end(job.job_id),
      type: 'job.succeeded',
      subject: String(job.function_id),
      data: { ...job, ...run, finished_at: saying.time, result },
    },
  )
}

export function jobFailed(
  command: RunJob,
  run: JobRun,
  error: JobError,
  saying: Saying,
): JobFailed {
  return failedJob(command.data, run, error, { ...saying, cause: causedBy(command) })
}

/** The end of a job whose command is out of reach, as the sweeper says it. */
export function failedJob(job: JobAccepted, run: JobRun, error: JobError, said: Said): JobFailed {
  return envelope(said, {
    id: jobMessageId.end(job.job_id),
    type: 'job.failed',
    subject: String(job.function_id),
    data: { ...acceptedOf(job), ...run, finished_at: said.time, error },
  })
}

/** The end of a job that somebody does not want any more; it had `attempt` attempts. */
export function cancelledJob(job: JobAccepted, attempt: number, said: Said): JobCancelled {
  return envelope(said, {
    id: jobMessageId.end(job.job_id),
    type: 'job.cancelled',
    subject: String(job.function_id),
    data: { ...acceptedOf(job), ...noRun(attempt), finished_at: said.time, error: CANCELLED },
  })
}

const CANCELLED: JobError = { code: 'CANCELLED', message: 'The job was cancelled.' }

export const exhausted = (attempts: number): JobError => ({
  code: 'ATTEMPTS_EXHAUSTED',
  message: `All ${attempts} attempts were lost with the process that ran them.`,
})

export const expired = (afterMs: number): JobError => ({
  code: 'EXPIRED',
  message: `Nobody ended the job within ${Math.round(afterMs / 1_000)} seconds.`,
})

export const overdue = (maxAgeS: number | undefined): JobError => ({
  code: 'EXPIRED',
  message:
    maxAgeS === undefined
      ? 'Its caller waited for it no longer.'
      : `It was not begun within its max_queue_age, ${maxAgeS} s.`,
})

export const unreadable = (reason: string): JobError => ({
  code: 'UNREADABLE',
  message: `What was accepted cannot be read any more: ${reason}`,
})

/** The caller was answered with what `sourceJobId` had come to. */
export function jobCached(job: JobAccepted, sourceJobId: number, said: Said): JobCached {
  return envelope(said, {
    id: jobMessageId.end(job.job_id),
    type: 'job.cached',
    subject: String(job.function_id),
    data: { ...acceptedOf(job), source_job_id: sourceJobId, cached_at: said.time },
  })
}

export const lostWithSession: JobError = {
  code: 'SESSION_LOST',
  message: "The process that held the session's state is gone.",
}
