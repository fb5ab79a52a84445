/** Every JSON example of the lambda API's document, without its comments, against our schemas. */
import { test } from 'node:test'
import { holds, type Example } from './examples.ts'
import { CALCULATOR, EXECUTE, INITIALIZE } from './lambda-document.ts'

const request_id = 'f8c3de3d-1234-5678-9abc-def012345678'
const language_title = 'nodejs-calculator'
const SCRIPT = {
  language: 'nodejs',
  title: 'calculator',
  language_title,
  description: '基本的な計算機能を提供',
  created_at: '2025-01-01T00:00:00Z',
  updated_at: '2025-01-02T00:00:00Z',
}
const toInitialize = { method: 'POST', path: '/api/v1/initialize' }
const toExecute = { method: 'POST', path: '/api/v1/execute/{request_id}' }

const EXAMPLES: readonly Example[] = [
  { section: '2.1 request', ...toInitialize, place: 'body', example: INITIALIZE.body },
  {
    ...{ section: '2.1 response', ...toInitialize, place: 200 },
    example: { request_id, status: 'initialized', expires_at: '2025-05-13T12:28:22Z' },
  },
  {
    ...{ section: '2.1 error', ...toInitialize, place: 503 },
    example: {
      error: { code: 'INITIALIZATION_ERROR', message: 'エラーメッセージ', details: {} },
    },
  },
  { section: '2.2 request', ...toExecute, place: 'body', example: EXECUTE.body },
  {
    ...{ section: '2.2 response', ...toExecute, place: 200 },
    example: {
      request_id,
      language_title,
      execution_time: 42,
      cached: false,
      result: EXECUTE.result,
    },
  },
  {
    ...{ section: '2.2 error', ...toExecute, place: 500 },
    example: {
      request_id,
      error: {
        code: 'RUNTIME_ERROR',
        message: 'エラーメッセージ',
        details: { line: 10, column: 5, stack_trace: '...' },
      },
    },
  },
  {
    ...{ section: '2.3 response', method: 'GET', path: '/api/v1/sessions/{request_id}' },
    place: 200,
    example: {
      request_id,
      language_title,
      status: 'active',
      created_at: '2025-05-13T10:28:22Z',
      expires_at: '2025-05-13T12:28:22Z',
      execution_count: 3,
      last_executed_at: '2025-05-13T11:15:30Z',
    },
  },
  {
    ...{ section: '2.2 (scripts) response', method: 'GET', path: '/api/v1/functions', place: 200 },
    example: {
      total: 42,
      page: 1,
      per_page: 20,
      functions: [
        SCRIPT,
        {
          language: 'python',
          title: 'image-processor',
          language_title: 'python-image-processor',
          description: '画像処理機能を提供',
          created_at: '2025-01-03T00:00:00Z',
          updated_at: '2025-01-04T00:00:00Z',
        },
      ],
    },
  },
  {
    section: '2.3 (scripts) response',
    ...{ method: 'GET', path: '/api/v1/functions/{language_title}', place: 200 },
    example: { ...SCRIPT, schema: CALCULATOR.schema, examples: CALCULATOR.examples },
  },
  {
    ...{ section: '2.4 response', method: 'GET', path: '/health', place: 200 },
    example: {
      status: 'ok',
      version: '1.0.0',
      components: {
        controller: 'ok',
        redis: 'ok',
        postgres: 'ok',
        runtimes: { nodejs: 'ok', python: 'ok', rust: 'ok' },
      },
    },
  },
]

for (const example of EXAMPLES) {
  test(`${example.section} validates`, () => holds(example))
}
