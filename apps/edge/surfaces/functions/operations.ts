/**
 * The functions API, told: definitions, their versions and metrics. Source: section 1 of its
 * document, whose examples these are; jobs are in `job-operations.ts`.
 */
import Type, { type TSchema } from 'typebox'
import type { RouteName } from '../../access/routes.ts'
import type { Operation, Parameter, Told } from '../../documents/operation.ts'
import { answer, Id, STALE } from '../../http/shapes.ts'
import {
  FunctionBody,
  FunctionChanged,
  FunctionChangesBody,
  FunctionList,
  FunctionView,
  MetricsView,
  successOf,
  VersionList,
} from './schemas.ts'

const tag = 'functions'
const created_at = '2023-10-30T10:00:00Z'

/** Null and what else is not said: our own fields, as the document's examples would have them. */
const PLAIN = {
  ...{ version: 1, description: null, timeout_ms: 30_000, memory_mb: 128, schema: null },
  ...{ examples: [], env: {}, retry: null, concurrency: null },
  ...{ max_queue_age: null, max_queue_depth: null, schedule: null },
}
const POSTED = {
  name: 'myFunction',
  runtime: 'python',
  code: 'def handler(event): return event',
  execution_type: 'sync',
}
const SHOWN = { ...POSTED, created_at, updated_at: created_at, ...PLAIN }
const WHOLE = {
  ...POSTED,
  description: 'Gives back what it got.',
  timeout_ms: 5_000,
  schema: { params: { type: 'object' } },
  retry: { attempts: 3, backoff_ms: 500 },
  schedule: { cron: '*/5 * * * *', time_zone: 'Asia/Seoul' },
  env: { GREETING: 'hello' },
}

export const functionId: Parameter = { schema: Id('The function.'), required: true }

/** An answer of this API: `data` in its envelope. */
export function told(
  description: string,
  data: TSchema,
  example: unknown,
  headers: Told['headers'] = STALE,
): Told {
  return answer(description, successOf(data), { success: true, data: example }, headers)
}

const refuses = { 400: 'An id that is none.', 404: 'There is no such function.' }
const refusesSource = {
  400: 'A field is missing or wrong, or the source does not parse or compile.',
  409: 'The name is taken.',
}

export const functionOperations = {
  'GET /functions': {
    ...{ tag, summary: 'List the functions' },
    description: 'All that exist, oldest first.',
    answers: { 200: told('The functions.', FunctionList, { functions: [{ id: 1, ...SHOWN }] }) },
  },
  'POST /functions': {
    ...{ tag, summary: 'Register a function' },
    description: 'Its source is checked, or compiled, before it is answered.',
    body: { schema: FunctionBody, examples: { document: POSTED, whole: WHOLE } },
    answers: {
      201: told(
        'It is registered.',
        FunctionChanged,
        { function_id: 12345, version: 1 },
        { Location: { schema: Type.String(), required: true, description: 'Its path.' } },
      ),
    },
    refuses: refusesSource,
  },
  'GET /functions/:function_id': {
    ...{ tag, summary: 'Read a function' },
    path: { function_id: functionId },
    answers: { 200: told('The function.', FunctionView, { id: 12345, ...SHOWN }) },
    refuses,
  },
  'PUT /functions/:function_id': {
    ...{ tag, summary: 'Change a function' },
    description:
      'Any of its fields; those that are not given, or null, stay as they are, but null takes away ' +
      'what need not be there. Each change is a version of its own.',
    path: { function_id: functionId },
    body: {
      schema: FunctionChangesBody,
      examples: {
        document: {
          name: 'myUpdatedFunction',
          runtime: 'nodejs',
          code: 'function handler(event) { return event }',
          execution_type: 'async',
        },
      },
    },
    answers: {
      200: told('It is changed.', FunctionChanged, { function_id: 12345, version: 2 }, {}),
    },
    refuses: { ...refuses, ...refusesSource },
  },
  'DELETE /functions/:function_id': {
    ...{ tag, summary: 'Delete a function' },
    description: 'Its jobs, versions and metrics stay readable.',
    path: { function_id: functionId },
    answers: { 204: { description: 'It is gone.' } },
    refuses,
  },
  'GET /functions/:function_id/versions': {
    ...{ tag, summary: 'List the versions of a function' },
    path: { function_id: functionId },
    answers: {
      200: told('All of them.', VersionList, { versions: [{ id: 12345, ...SHOWN }] }),
    },
    refuses,
  },
  'GET /functions/:function_id/versions/:version': {
    ...{ tag, summary: 'Read a version of a function' },
    path: { function_id: functionId, version: { schema: Id('From 1.'), required: true } },
    answers: { 200: told('The version.', FunctionView, { id: 12345, ...SHOWN }) },
    refuses: { ...refuses, 404: 'There is no such function or version.' },
  },
  'GET /functions/:function_id/metrics': {
    ...{ tag, summary: 'What the runs of a function came to' },
    path: { function_id: functionId },
    answers: {
      200: told('Over all of its time.', MetricsView, {
        invocations: { total: 1000, successful: 950, failed: 50, cancelled: 0 },
        success_rate: 95,
        avg_execution_time: '120ms',
        cpu_usage: '70%',
        memory_usage: '256MB',
      }),
    },
    refuses,
  },
} as const satisfies Partial<Record<RouteName, Operation>>
