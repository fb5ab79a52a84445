/**
 * The functions API, told: invocations and the jobs that come of them. Source: sections 2 and 3 of
 * its document, whose examples these are.
 */
import Type from 'typebox'
import type { RouteName } from '../../access/routes.ts'
import type { Operation, Parameter, Told } from '../../documents/operation.ts'
import { Id } from '../../http/shapes.ts'
import {
  AcceptedJob,
  EndedJob,
  Explanation,
  JobDetails,
  JobLogs,
  JobPage,
  JobStatus,
  PAGE_MAX,
  PER_PAGE_MAX,
} from './job-schemas.ts'
import { functionId, told } from './operations.ts'

const tag = 'jobs'
const timestamp = '2023-10-30T10:00:00Z'
const finished_at = '2023-10-30T10:00:00.421Z'

const RUN = { function_version: 1, attempt: 1, error: null, cancelled: false }
const ENDED = {
  ...{ id: 12345, function_id: 67890, status: 'success', result: { data: 'function result' } },
  ...{ timestamp, duration: 421 },
}
const LISTED = {
  ...ENDED,
  ...RUN,
  ...{ runtime: 'python', retry_at: null, started_at: timestamp, finished_at },
  ...{ run_at: null, trigger: 'invoke', scheduled_for: null, session_id: null },
  ...{ cached_from: null, redriven_from: null },
}
const DETAILS = { ...LISTED, input: { param1: 'value1', param2: 'value2' } }

const jobId: Parameter = { schema: Id('The job.'), required: true }
const refuses = { 400: 'An id that is none.', 404: 'There is no such job.' }

const applied: Told['headers'] = {
  'Preference-Applied': { schema: Type.String(), description: 'What of Prefer was understood.' },
}

export const jobOperations = {
  'POST /functions/:function_id/invoke': {
    ...{ tag, summary: 'Run a function' },
    description:
      'The body is the event. A synchronous function is answered with its ended job, also when its ' +
      'code failed; an asynchronous one, or one that is to run later, with a pending job.',
    path: { function_id: functionId },
    query: {
      delay: {
        schema: Type.Number({ exclusiveMinimum: 0 }),
        description: 'Run it so many seconds from now; not with `run_at`.',
      },
      run_at: {
        schema: Type.String({ format: 'date-time' }),
        description: 'Run it then; a time that is over means at once.',
      },
    },
    headers: {
      Prefer: {
        schema: Type.String(),
        description:
          '`respond-async`: do not wait for a synchronous function. `wait=<seconds>`: wait so long ' +
          'for an asynchronous one, 900 at most. What is not understood is ignored.',
      },
    },
    body: {
      schema: Type.Unknown({ description: 'Any JSON; `{}` if it is left out.' }),
      required: false,
      examples: { document: { param1: 'value1', param2: 'value2' } },
    },
    answers: {
      200: told('The job has ended.', EndedJob, { ...ENDED, ...RUN, finished_at }, applied),
      202: told(
        'The job is accepted.',
        AcceptedJob,
        {
          ...{ id: 12345, function_id: 67890, status: 'pending', result: null, timestamp },
          ...{ duration: null, function_version: 1, cancelled: false },
          ...{ queue_position: 1, expected_start: timestamp },
        },
        {
          Location: { schema: Type.String(), required: true, description: 'Of the job.' },
          ...applied,
        },
      ),
    },
    refuses: {
      400: 'An id that is none, or an event that the schema of the function refuses.',
      404: 'There is no such function.',
      429: 'Too many jobs of the function have not ended.',
      504: 'The run was not finished in time.',
    },
  },
  'GET /functions/:function_id/jobs': {
    ...{ tag, summary: 'List the jobs of a function' },
    description: 'Newest first. Past 10,000 jobs pages end: go on with `before`.',
    path: { function_id: functionId },
    query: {
      page: { schema: Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: 1 }) },
      per_page: {
        schema: Type.Integer({ minimum: 1, maximum: PER_PAGE_MAX, default: PER_PAGE_MAX }),
      },
      status: { schema: JobStatus },
      before: { schema: Id(), description: 'Only jobs older than this one.' },
    },
    answers: {
      200: told('A page of jobs.', JobPage, {
        jobs: [LISTED],
        ...{ page: 1, per_page: 100, has_more: false },
      }),
    },
    refuses: { 400: 'A parameter that is none.', 404: 'There is no such function.' },
  },
  'GET /jobs/:id': {
    ...{ tag, summary: 'Read a job' },
    path: { id: jobId },
    answers: { 200: told('The job.', JobDetails, DETAILS) },
    refuses,
  },
  'GET /jobs/:id/logs': {
    ...{ tag, summary: 'What a job wrote' },
    path: { id: jobId },
    answers: {
      200: told('Its output.', JobLogs, {
        logs: [{ stream: 'stdout', time: '2023-10-30T10:00:00.400Z', text: 'hello' }],
        truncated: false,
      }),
    },
    refuses,
  },
  'GET /jobs/:id/explain': {
    ...{ tag, summary: 'Why a job is what it is' },
    description: 'Why it waits, ran, failed, or came from the cache: off the log itself.',
    path: { id: jobId },
    answers: {
      200: told('The explanation.', Explanation, {
        ...{ id: 12345, function_id: 67890, status: 'success' },
        summary: 'It ran to its end in 421 ms, at attempt 1.',
        chain: [
          { at: timestamp, what: 'accepted', function_version: 1, runtime: 'python' },
          { at: finished_at, what: 'succeeded', attempt: 1, duration_ms: 421 },
        ],
        complete: true,
        limits: { concurrency: 64, timeout_ms: 30_000, memory_mb: 128 },
      }),
    },
    refuses,
  },
  'POST /jobs/:id/cancel': {
    ...{ tag, summary: 'Cancel a job' },
    description: 'Answered when it has ended. Cancelling what is cancelled changes nothing.',
    path: { id: jobId },
    answers: {
      200: told(
        'It is cancelled.',
        JobDetails,
        {
          ...DETAILS,
          ...{ status: 'failed', result: null, duration: null, cancelled: true },
          error: { code: 'CANCELLED', message: 'The job was cancelled.' },
        },
        {},
      ),
    },
    refuses: { ...refuses, 409: 'It had another end before.' },
  },
} as const satisfies Partial<Record<RouteName, Operation>>
