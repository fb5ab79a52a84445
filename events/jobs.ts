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
import Type, { type Static } from 'typebox'
import { Runtime } from './functions.ts'
import { json } from './json.ts'
import {
  deadline,
  message,
  nullable,
  timestamp,
  type DeepReadonly,
  type EnvelopeOf,
} from './message.ts'
import { SessionOfJob } from './sessions.ts'

export const JOB_STATUSES = ['pending', 'running', 'success', 'failed'] as const
export type JobStatus = (typeof JOB_STATUSES)[number]

/** How often a run may be started before its job is failed. */
export const ATTEMPTS_MAX = 3

const ids = { job_id: Type.Integer(), function_id: Type.Integer() }

export const JobAccepted = Type.Object({
  ...ids,
  function_version: Type.Integer({ description: 'The version that is run, whatever comes later.' }),
  runtime: Runtime,
  owner: Type.String(),
  input: json("The event that the user's code gets."),
  accepted_at: timestamp('The `timestamp` of the job.'),
  run_at: Type.Optional(timestamp('Not before; only of a job that was accepted for later.')),
  scheduled_for: Type.Optional(timestamp("The tick of its function's schedule that made it.")),
  session: Type.Optional(
    Type.Object({ id: Type.String() }, { description: 'The session that it is an execution of.' }),
  ),
  redriven_from: Type.Optional(
    Type.Integer({
      description: 'The job that could not be done, and whose work this one does again.',
    }),
  ),
})
export type JobAccepted = DeepReadonly<Static<typeof JobAccepted>>

const OF_ACCEPTED = Object.keys(JobAccepted.properties) as (keyof JobAccepted)[]

/** Of something larger, what was accepted: all that its later events carry on. */
export function acceptedOf(job: {
  readonly [Member in keyof JobAccepted]: JobAccepted[Member] | undefined
}): JobAccepted {
  const given = OF_ACCEPTED.filter((member) => job[member] !== undefined)
  const { session, ...accepted } = Object.fromEntries(
    given.map((member) => [member, job[member]]),
  ) as unknown as JobAccepted
  return session === undefined ? accepted : { ...accepted, session: { id: session.id } }
}

// ── commands ────────────────────────────────────────────────────────────────────────────────────

const ofRun = {
  ...JobAccepted.properties,
  session: Type.Optional(SessionOfJob),
  definition_seq: Type.Integer({
    description: 'Where on EVENTS the definition of this version stands.',
  }),
}

export const RunData = Type.Object({
  ...ofRun,
  attempt: Type.Optional(
    Type.Integer({
      description:
        'With which it starts; 1 unless the command was held back after an attempt that failed.',
    }),
  ),
})
export type RunData = DeepReadonly<Static<typeof RunData>>

export const RunJob = message('job.run', 'Run a job.', RunData)
export type RunJob = EnvelopeOf<typeof RunJob>

export const CancelJob = message(
  'job.cancel',
  'End a job of this owner, whether or not it runs.',
  Type.Object({ job_id: Type.Integer(), owner: Type.String(), ...deadline }),
)
export type CancelJob = EnvelopeOf<typeof CancelJob>

// ── events ──────────────────────────────────────────────────────────────────────────────────────

/** A run command that the log holds back: it is appended as `job.run` when its time has come. */
export const JobDelayed = message(
  'job.delayed',
  'A job waits for its time, or for its next attempt.',
  Type.Object({
    ...ofRun,
    attempt: Type.Integer({ description: 'The one that it waits for.' }),
    due_at: timestamp('Not before.'),
  }),
)
export type JobDelayed = EnvelopeOf<typeof JobDelayed>

/**
 * `ATTEMPTS_EXHAUSTED`: every attempt was lost with the process or machine that ran it. `EXPIRED`:
 * nobody ran it in time. `CANCELLED`: somebody asked for its end. `UNREADABLE`: what was accepted
 * cannot be read any more. `SESSION_LOST`: the process that held the session's state is gone.
 */
export const JobErrorCode = Type.Enum([
  'TIMEOUT',
  'MEMORY_LIMIT',
  'OUTPUT_LIMIT',
  'RUNTIME_ERROR',
  'ATTEMPTS_EXHAUSTED',
  'EXPIRED',
  'CANCELLED',
  'UNREADABLE',
  'SESSION_LOST',
])
export type JobErrorCode = Static<typeof JobErrorCode>

export const JobError = Type.Object({
  code: JobErrorCode,
  message: Type.String(),
  type: Type.Optional(Type.String({ description: 'Of the exception, as its language calls it.' })),
  line: Type.Optional(Type.Integer({ description: 'In the source of the function, from 1.' })),
  column: Type.Optional(Type.Integer({ description: 'In the source of the function, from 1.' })),
  stack: Type.Optional(Type.String()),
})
export type JobError = DeepReadonly<Static<typeof JobError>>

export const JobLogLine = Type.Object({
  stream: Type.Enum(['stdout', 'stderr']),
  time: timestamp('When it was printed.'),
  text: Type.String(),
})
export type JobLogLine = DeepReadonly<Static<typeof JobLogLine>>

const attempt = { attempt: Type.Integer({ description: 'Which run of the job, from 1.' }) }

export const JobStarted = message(
  'job.started',
  'A run that takes longer than a moment began.',
  Type.Object({
    ...JobAccepted.properties,
    ...attempt,
    started_at: timestamp('When.'),
  }),
)
export type JobStarted = EnvelopeOf<typeof JobStarted>

export const JobRetrying = message(
  'job.retrying',
  'A run failed, and another one will follow: the job has not ended.',
  Type.Object({
    ...JobAccepted.properties,
    ...attempt,
    failed_at: timestamp('When.'),
    error: JobError,
    retry_at: timestamp('The next run, not before.'),
  }),
)
export type JobRetrying = EnvelopeOf<typeof JobRetrying>

/**
 * An attempt that is not to be counted: the sandbox could not be used, or was closed by a stop.
 * For executors only; nobody projects it.
 */
export const JobReturned = message(
  'job.returned',
  'A run was handed back, which counts as no attempt.',
  Type.Object({
    ...{ ...ids, ...attempt, reason: Type.String() },
    returned_at: timestamp('When.'),
  }),
)
export type JobReturned = EnvelopeOf<typeof JobReturned>

const end = {
  ...JobAccepted.properties,
  ...attempt,
  finished_at: timestamp('When.'),
  duration_ms: nullable(
    Type.Number(),
    "Around the user's code, in milliseconds; null if it never ran to an end.",
  ),
  cpu_ms: Type.Number({ description: 'Time on processors, in milliseconds.' }),
  memory_bytes: Type.Number({ description: 'The most that it used.' }),
  logs: Type.Array(JobLogLine, { description: 'What it printed: the first 64 KiB.' }),
  logs_truncated: Type.Boolean(),
}

export const JobSucceeded = message(
  'job.succeeded',
  'A job has its result: its end.',
  Type.Object({ ...end, result: json("What the user's code answered.") }),
)
export type JobSucceeded = EnvelopeOf<typeof JobSucceeded>

export const JobFailed = message(
  'job.failed',
  'A job has failed for good: its end.',
  Type.Object({ ...end, error: JobError }),
)
export type JobFailed = EnvelopeOf<typeof JobFailed>

/** A failure for whoever knows four states only; told apart by its type, and by its error's code. */
export const JobCancelled = message(
  'job.cancelled',
  'Somebody has asked for the end of a job.',
  Type.Object({ ...end, error: JobError }),
)
export type JobCancelled = EnvelopeOf<typeof JobCancelled>

export type JobEnded = JobSucceeded | JobFailed | JobCancelled

export const JobCached = message(
  'job.cached',
  'An execution was answered with the result of another job, and never ran.',
  Type.Object({
    ...JobAccepted.properties,
    source_job_id: Type.Integer({ description: 'The job whose result it is.' }),
    cached_at: timestamp('When it was answered.'),
  }),
)
export type JobCached = EnvelopeOf<typeof JobCached>

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
