/**
 * What the functions API answers of jobs. Source: `Job` and `JobStatus` of its document; our extra
 * fields come after the document's. The views are typed by these.
 */
import Type, { type Static } from 'typebox'
import { FunctionInput, Runtime } from '#events/functions.ts'
import { JOB_STATUSES, JobError as FailedRun, JobLogLine } from '#events/jobs.ts'
import type { DeepReadonly } from '#events/message.ts'
import { Count, Id, List, Nullable, Time } from '../../http/shapes.ts'

export const PER_PAGE_MAX = 100
export const PAGE_MAX = 1_000_000

export const JobStatus = Type.Enum([...JOB_STATUSES])

const JobError = Type.Object(FailedRun.properties, {
  title: 'JobError',
  description: 'Why a run failed.',
})

const document = {
  id: Id('The job.'),
  function_id: Id('The function that it is a run of.'),
  status: JobStatus,
  result: Type.Unknown({ description: 'What the function returned; null until then.' }),
  timestamp: Time('When the run was asked for.'),
  duration: Nullable(
    Type.Number({ minimum: 0 }),
    'Of the run, in milliseconds; null: it has not come to an end of its own.',
  ),
}
const function_version = Count(
  'The version of the function that it was accepted with; 0: what was accepted cannot be read.',
)
const attempt = Count('How many runs were started.')
const error = Nullable(JobError, 'Of the last run that failed.')
const cancelled = Type.Boolean({ description: 'It failed because somebody asked for its end.' })
const run_at = Time('Not before: it was asked to run later.')

const listed = {
  ...document,
  function_version,
  runtime: Runtime,
  ...{ attempt, error, cancelled },
  retry_at: Nullable(Time(), 'When the next attempt is due.'),
  started_at: Nullable(Time(), 'The latest start that is known.'),
  finished_at: Nullable(Time(), 'Null: it has not ended.'),
  run_at: Nullable(run_at),
  trigger: Type.Enum(['invoke', 'schedule']),
  scheduled_for: Nullable(Time(), 'The tick of the schedule that made it.'),
  session_id: Nullable(Type.String({ format: 'uuid' }), 'The session that it is an execution of.'),
  cached_from: Nullable(Id(), 'The job whose result it was answered with.'),
  redriven_from: Nullable(Id(), 'The job whose work it does again.'),
}

export const JobView = Type.Object(listed, {
  title: 'Job',
  description: 'One accepted invocation, and what became of it.',
})
export type JobView = DeepReadonly<Static<typeof JobView>>

export const JobDetails = Type.Object(
  { ...listed, input: Type.Unknown({ description: 'The event that the function gets.' }) },
  { title: 'JobDetails', description: 'A job with its event.' },
)
export type JobDetails = DeepReadonly<Static<typeof JobDetails>>

export const JobPage = Type.Object(
  {
    jobs: List(JobView, 'Newest first; fewer than asked for where their results are large.'),
    page: Id('From 1.'),
    per_page: Id('As asked for.'),
    has_more: Type.Boolean(),
    next_before: Type.Optional(Id('Give it as `before` to go on.')),
  },
  { title: 'JobPage' },
)
export type JobPage = DeepReadonly<Static<typeof JobPage>>

export const EndedJob = Type.Object(
  {
    ...document,
    status: Type.Enum(['success', 'failed']),
    ...{ function_version, attempt, error, cancelled },
    finished_at: Time('When it ended.'),
  },
  { title: 'EndedJob', description: 'A job that the caller has waited for.' },
)
export type EndedJob = DeepReadonly<Static<typeof EndedJob>>

export const AcceptedJob = Type.Object(
  {
    ...document,
    status: Type.Literal('pending'),
    result: Type.Null(),
    duration: Type.Null(),
    ...{ function_version, cancelled },
    queue_position: Nullable(
      Id(),
      'Among the jobs of the function that have not ended; null: nobody can tell.',
    ),
    expected_start: Nullable(Time(), 'Null: nobody can tell.'),
    run_at: Type.Optional(run_at),
  },
  { title: 'AcceptedJob', description: 'A job that is on disk, and will run.' },
)
export type AcceptedJob = DeepReadonly<Static<typeof AcceptedJob>>

export const JobLogs = Type.Object(
  {
    logs: List(JobLogLine),
    truncated: Type.Boolean({ description: 'There was more than is kept.' }),
  },
  { title: 'JobLogs', description: 'What the run wrote; it is there once the job has ended.' },
)
export type JobLogs = DeepReadonly<Static<typeof JobLogs>>

const Waiting = Type.Object({
  position: Nullable(Id(), 'From 1; null: an executor has it, or it is not in the queue.'),
  ahead: Nullable(Count(), 'Null: too many to count, or it is not in the queue.'),
  in_flight: Count('Jobs of the function that executors hold.'),
  concurrency: Count('How many of them there may be at once.'),
  executors: Type.Object({
    present: Count(),
    able: Count('Those that can run the runtime of the function.'),
    reason: Type.Optional(Type.String({ description: 'Why the others cannot.' })),
  }),
  expected_start: Nullable(Time(), 'Null: nobody can tell.'),
})

const { retry, max_queue_age, max_queue_depth } = FunctionInput.properties

export const Explanation = Type.Object(
  {
    id: Id('The job.'),
    function_id: Id('Its function.'),
    status: JobStatus,
    summary: Type.String({ description: 'Why it is what it is, in one sentence.' }),
    chain: List(
      Type.Object(
        { at: Time(), what: Type.String() },
        { additionalProperties: true, description: 'What happened, and the facts behind it.' },
      ),
      'Oldest first.',
    ),
    complete: Type.Boolean({ description: 'Whether all of its events could be read.' }),
    limits: Type.Optional(
      Type.Object(
        {
          concurrency: Count('Runs of the function at once.'),
          timeout_ms: Id('Of one run.'),
          memory_mb: Id('Of one run.'),
          ...{ retry, max_queue_age, max_queue_depth },
        },
        { description: 'Of the version that it was accepted with.' },
      ),
    ),
    waiting: Type.Optional(Waiting),
  },
  { title: 'JobExplanation', description: 'Why a job waits, ran, failed, or came from the cache.' },
)
export type Explanation = DeepReadonly<Static<typeof Explanation>>
