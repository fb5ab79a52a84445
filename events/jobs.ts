/**
 * The language of jobs: one accepted invocation and what became of it.
 * Source: the functions API document (`Job`, `JobStatus`).
 *
 * Invariants:
 * 1. The first terminal event of a job in stream order is its end; later ones count for nothing.
 *    The message id of the end is the same whatever the outcome or the attempt, so the server
 *    drops a second end inside its dedupe window; readers do so beyond it.
 * 2. Each event carries what came before it, so EVENTS alone rebuilds the job.
 */
import type { Envelope } from './envelope.ts'
import type { Runtime } from './functions.ts'
import type { SessionOfJob } from './sessions.ts'

export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export type JobStatus = 'pending' | 'running' | 'success' | 'failed'

/** How often a run may be started before its job is failed. */
export const ATTEMPTS_MAX = 3

export interface JobAccepted {
  readonly job_id: number
  readonly function_id: number
  readonly function_version: number
  readonly runtime: Runtime
  readonly owner: string
  /** The event that the user's code gets. */
  readonly input: Json
  /** ISO 8601; the `timestamp` of the job. */
  readonly accepted_at: string
  /** ISO 8601: not before; only of a job that was accepted for later. */
  readonly run_at?: string
  /** ISO 8601: the tick of its function's schedule that made it. */
  readonly scheduled_for?: string
  /** The session that it is an execution of. */
  readonly session?: Pick<SessionOfJob, 'id'>
  /** The job that could not be done, and whose work this one does again. */
  readonly redriven_from?: number
}

const OF_ACCEPTED = Object.keys({
  job_id: true,
  function_id: true,
  function_version: true,
  runtime: true,
  owner: true,
  input: true,
  accepted_at: true,
  run_at: true,
  scheduled_for: true,
  session: true,
  redriven_from: true,
} satisfies Record<keyof JobAccepted, true>) as (keyof JobAccepted)[]

/** Of something larger, what was accepted: all that its later events carry on. */
export function acceptedOf(job: {
  readonly [Member in keyof JobAccepted]: JobAccepted[Member] | undefined
}): JobAccepted {
  const given = OF_ACCEPTED.filter((member) => job[member] !== undefined)
  return Object.fromEntries(given.map((member) => [member, job[member]])) as unknown as JobAccepted
}

export interface RunData extends JobAccepted {
  readonly session?: SessionOfJob
  /** Where on EVENTS the definition of this version stands. */
  readonly definition_seq: number
  /** With which it starts; 1 unless the command was held back after an attempt that failed. */
  readonly attempt?: number
}

export type RunJob = Envelope<'job.run', RunData>

/** A run command that the log holds back: it is appended as `job.run` when its time has come. */
export type JobDelayed = Envelope<
  'job.delayed',
  RunData & { readonly attempt: number; readonly due_at: string }
>

/** Decided by a handler; `owner` is who asks. */
export type CancelJob = Envelope<
  'job.cancel',
  {
    readonly job_id: number
    readonly owner: string
    /** ISO 8601. Nobody waits any longer: whoever reads the command later must not act on it. */
    readonly deadline: string
  }
>

export type JobErrorCode =
  | 'TIMEOUT'
  | 'MEMORY_LIMIT'
  | 'OUTPUT_LIMIT'
  | 'RUNTIME_ERROR'
  /** Every attempt was lost with the process or machine that ran it. */
  | 'ATTEMPTS_EXHAUSTED'
  /** Nobody ran it in time. */
  | 'EXPIRED'
  /** Somebody asked for its end. */
  | 'CANCELLED'
  /** What was accepted cannot be read any more. */
  | 'UNREADABLE'
  /** The process that held the session's state is gone. */
  | 'SESSION_LOST'

export interface JobError {
  readonly code: JobErrorCode
  readonly message: string
  readonly type?: string
  readonly line?: number
  readonly column?: number
  readonly stack?: string
}

export interface JobLogLine {
  readonly stream: 'stdout' | 'stderr'
  readonly time: string
  readonly text: string
}

export type JobStarted = Envelope<
  'job.started',
  JobAccepted & { readonly attempt: number; readonly started_at: string }
>

/** A run that ended as failed, and is followed by another one: the job has not ended. */
export type JobRetrying = Envelope<
  'job.retrying',
  JobAccepted & {
    readonly attempt: number
    readonly failed_at: string
    readonly error: JobError
    /** ISO 8601: not before. */
    readonly retry_at: string
  }
>

/**
 * An attempt that is not to be counted: the sandbox could not be used, or was closed by a stop.
 * For executors only; nobody projects it.
 */
export type JobReturned = Envelope<
  'job.returned',
  {
    readonly job_id: number
    readonly function_id: number
    readonly attempt: number
    readonly reason: string
    readonly returned_at: string
  }
>

interface JobEnd extends JobAccepted {
  readonly attempt: number
  readonly finished_at: string
  /** Around the user's code, in milliseconds; null if it never ran to an end. */
  readonly duration_ms: number | null
  readonly cpu_ms: number
  readonly memory_bytes: number
  readonly logs: readonly JobLogLine[]
  readonly logs_truncated: boolean
}

export type JobSucceeded = Envelope<'job.succeeded', JobEnd & { readonly result: Json }>
export type JobFailed = Envelope<'job.failed', JobEnd & { readonly error: JobError }>
/** A failure for whoever knows four states only; told apart by its type, and by its error's code. */
export type JobCancelled = Envelope<'job.cancelled', JobEnd & { readonly error: JobError }>
export type JobEnded = JobSucceeded | JobFailed | JobCancelled

/** An execution that was answered with the result of another job, and never ran. */
export type JobCached = Envelope<
  'job.cached',
  JobAccepted & { readonly source_job_id: number; readonly cached_at: string }
>
export type JobEvent = JobStarted | JobRetrying | JobEnded

export const jobMessageId = {
  cancel: (requestId: string) => `job.cancel:${requestId}`,
  run: (jobId: number, attempt = 1) => `job:${jobId}:run${attempt === 1 ? '' : `:${attempt}`}`,
  delay: (jobId: number, attempt: number) => `job:${jobId}:delay:${attempt}`,
  start: (jobId: number, attempt: number) => `job:${jobId}:start:${attempt}`,
  returned: (jobId: number, attempt: number) => `job:${jobId}:return:${attempt}`,
  retry: (jobId: number, attempt: number) => `job:${jobId}:retry:${attempt}`,
  end: (jobId: number) => `job:${jobId}:end`,
  dead: (jobId: number) => `job:${jobId}:dead`,
} as const

/** The job that a message id of the form `job:<id>:…` speaks of. */
export function jobOfMessageId(id: string): number | undefined {
  const match = /^job:(\d+):/.exec(id)
  return match ? Number(match[1]) : undefined
}
