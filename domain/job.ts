/**
 * Decisions about jobs: whether a claimed command is run, and how what came of it is told.
 *
 * Invariants:
 * 1. A run of the user's code that ended is a result, whatever its outcome; it is never repeated.
 * 2. At most `ATTEMPTS_MAX` attempts of a job are lost, however often its command is delivered.
 *    What an executor returned, because it could not run it or was told to stop, is not lost.
 */
import { causedBy, envelope, type Said } from '#events/envelope.ts'
import {
  ATTEMPTS_MAX,
  jobMessageId,
  type JobAccepted,
  type JobCached,
  type JobCancelled,
  type JobDelayed,
  type JobError,
  type JobFailed,
  type JobLogLine,
  type JobReturned,
  type JobStarted,
  type JobSucceeded,
  type Json,
  type RunData,
  type RunJob,
} from '#events/jobs.ts'

const RETRY_BASE_MS = 500
const RETRY_CAP_MS = 30_000

/** What the log says about earlier deliveries of a command. */
export interface JobHistory {
  readonly ended: boolean
  /** The highest attempt that was recorded as started or returned; 0: none. */
  readonly lastAttempt: number
  /** How many attempts were returned. */
  readonly returned: number
}

export type Claim =
  /** Run it. `record`: append its start first, because an earlier start may have been lost. */
  | { readonly kind: 'run'; readonly attempt: number; readonly record: boolean }
  /** It has its end already. */
  | { readonly kind: 'settled' }
  /** Every attempt was lost. */
  | { readonly kind: 'exhausted'; readonly attempts: number }

/**
 * A first delivery runs without a record, so a short job costs one event only. Whoever gets the
 * command again cannot know whether the first one had started, and counts it as an attempt.
 */
export function claimJob(redelivered: boolean, history: JobHistory): Claim {
  if (history.ended) return { kind: 'settled' }
  if (!redelivered) return { kind: 'run', attempt: 1, record: false }
  const before = Math.max(1, history.lastAttempt)
  const lost = before - history.returned
  if (lost >= ATTEMPTS_MAX) return { kind: 'exhausted', attempts: lost }
  return { kind: 'run', attempt: before + 1, record: true }
}

/** Exponential, with full jitter above the half; `chance` is in [0, 1). */
export function retryDelayMs(attempt: number, chance: number): number {
  const ceiling = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** (attempt - 1))
  return Math.round(ceiling / 2 + (ceiling / 2) * chance)
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
  const { job_id, function_id, definition_seq } = data
  return envelope(said, {
    id: jobMessageId.delay(job_id, attempt),
    type: 'job.delayed',
    subject: String(function_id),
    data: { ...accepted(data), definition_seq, attempt, due_at: dueAt },
  })
}

export function jobStarted(command: RunJob, attempt: number, saying: Saying): JobStarted {
  const job = accepted(command.data)
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

export function jobSucceeded(
  command: RunJob,
  run: JobRun,
  result: Json,
  saying: Saying,
): JobSucceeded {
  const job = accepted(command.data)
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
    data: { ...accepted(job), ...run, finished_at: said.time, error },
  })
}

/** The end of a job that somebody does not want any more; it had `attempt` attempts. */
export function cancelledJob(job: JobAccepted, attempt: number, said: Said): JobCancelled {
  return envelope(said, {
    id: jobMessageId.end(job.job_id),
    type: 'job.cancelled',
    subject: String(job.function_id),
    data: { ...accepted(job), ...noRun(attempt), finished_at: said.time, error: CANCELLED },
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
    data: { ...accepted(job), source_job_id: sourceJobId, cached_at: said.time },
  })
}

export const lostWithSession: JobError = {
  code: 'SESSION_LOST',
  message: "The process that held the session's state is gone.",
}

function accepted(job: JobAccepted): JobAccepted {
  const { job_id, function_id, function_version, runtime, owner, input, accepted_at } = job
  const { run_at, scheduled_for, session, redriven_from } = job
  return {
    ...{ job_id, function_id, function_version, runtime, owner, input, accepted_at },
    ...(run_at !== undefined && { run_at }),
    ...(scheduled_for !== undefined && { scheduled_for }),
    ...(session !== undefined && { session }),
    ...(redriven_from !== undefined && { redriven_from }),
  }
}
