/** Every JSON example of the functions API's document, as it stands there, against our schemas. */
import { test } from 'node:test'
import { holds, type Example } from './examples.ts'

const FUNCTION = {
  id: 12345,
  name: 'myFunction',
  runtime: 'python',
  code: 'def handler(event): return event',
  execution_type: 'sync',
  created_at: '2023-10-30T10:00:00Z',
  updated_at: '2023-10-30T10:00:00Z',
}
const BY_ID = { function_id: 12345 }

/** The document shows the `data` of its answers only. */
const within = (data: unknown) => ({ success: true, data })

const EXAMPLES: readonly Example[] = [
  {
    ...{ section: '1.1 response', method: 'GET', path: '/functions', place: 200, within },
    example: { functions: [{ ...FUNCTION, id: 1 }] },
  },
  {
    ...{ section: '1.2 request', method: 'POST', path: '/functions', place: 'body' },
    example: {
      name: 'myFunction',
      runtime: 'python',
      code: 'def handler(event): return event',
      execution_type: 'sync',
    },
  },
  {
    ...{ section: '1.2 response', method: 'POST', path: '/functions', place: 201, within },
    example: BY_ID,
  },
  {
    ...{ section: '1.3 request', method: 'PUT', path: '/functions/{function_id}', place: 'body' },
    example: {
      name: 'myUpdatedFunction',
      runtime: 'nodejs',
      code: 'function handler(event) { return event }',
      execution_type: 'async',
    },
  },
  {
    ...{ section: '1.3 response', method: 'PUT', path: '/functions/{function_id}', place: 200 },
    ...{ example: BY_ID, within },
  },
  {
    ...{ section: '1.4 request', method: 'GET', path: '/functions/{function_id}', place: 'path' },
    example: BY_ID,
  },
  {
    ...{ section: '1.4 response', method: 'GET', path: '/functions/{function_id}', place: 200 },
    ...{ example: FUNCTION, within },
  },
  {
    ...{ section: '1.5 request', method: 'DELETE', path: '/functions/{function_id}' },
    ...{ place: 'path', example: BY_ID },
  },
  {
    ...{ section: '1.6 request', method: 'GET', path: '/functions/{function_id}/metrics' },
    ...{ place: 'path', example: BY_ID },
  },
  {
    ...{ section: '1.6 response', method: 'GET', path: '/functions/{function_id}/metrics' },
    ...{ place: 200, within },
    example: {
      invocations: { total: 1000, successful: 950, failed: 50 },
      success_rate: 95,
      avg_execution_time: '120ms',
      cpu_usage: '70%',
      memory_usage: '256MB',
    },
  },
  {
    ...{ section: '2.1 request', method: 'POST', path: '/functions/{function_id}/invoke' },
    ...{ place: 'body', example: { param1: 'value1', param2: 'value2' } },
  },
  {
    ...{ section: '2.1 response', method: 'POST', path: '/functions/{function_id}/invoke' },
    ...{ place: 202, within },
    example: {
      id: 12345,
      function_id: 67890,
      status: 'pending',
      result: null,
      timestamp: '2023-10-30T10:00:00Z',
      duration: 452,
    },
    exception: 'a pending job has not run, so that it has no duration yet',
  },
  {
    ...{ section: '3.1 request', method: 'GET', path: '/jobs/{id}', place: 'path' },
    example: { id: 12345 },
  },
  {
    ...{ section: '3.1 response', method: 'GET', path: '/jobs/{id}', place: 200, within },
    example: {
      id: 12345,
      function_id: 67890,
      status: 'success',
      result: { data: 'function result' },
      timestamp: '2023-10-30T10:00:00Z',
      duration: 421,
    },
  },
  {
    ...{ section: '3.2 request', method: 'GET', path: '/functions/{function_id}/jobs' },
    ...{ place: 'path', example: BY_ID },
  },
  {
    ...{ section: '3.2 response', method: 'GET', path: '/functions/{function_id}/jobs' },
    ...{ place: 200, within },
    example: {
      jobs: [
        {
          id: 12345,
          function_id: 1,
          status: 'success',
          timestamp: '2023-10-30T10:00:00Z',
          result: { data: 'function result' },
          duration: 452,
        },
        {
          id: 67890,
          function_id: 1,
          status: 'failed',
          timestamp: '2023-10-30T11:00:00Z',
          result: null,
          duration: 452,
        },
      ],
    },
  },
]

for (const example of EXAMPLES) {
  const { section, exception } = example
  const title = exception === undefined ? 'validates' : `does not validate: ${exception}`
  test(`${section} ${title}`, () => holds(example))
}
