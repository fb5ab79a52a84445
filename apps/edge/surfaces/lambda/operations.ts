/** The lambda API, told. Source: section 2 of its document, whose examples these are. */
import Type from 'typebox'
import type { RouteName } from '../../access/routes.ts'
import type { Operation, Parameter } from '../../documents/operation.ts'
import { answer, STALE } from '../../http/shapes.ts'
import {
  ExecuteBody,
  Executed,
  InitializeBody,
  Initialized,
  PAGE_MAX,
  PER_PAGE_DEFAULT,
  PER_PAGE_MAX,
  ScriptDetails,
  ScriptPage,
  SessionView,
} from './schemas.ts'

const tag = 'lambda'
const request_id = 'f8c3de3d-1234-5678-9abc-def012345678'
const language_title = 'nodejs-calculator'

const CALCULATOR = {
  ...{ language: 'nodejs', title: 'calculator', language_title },
  description: '基本的な計算機能を提供',
  created_at: '2025-01-01T00:00:00Z',
  updated_at: '2025-01-02T00:00:00Z',
  ...{ function_id: 1, version: 2 },
}
const PARAMS = { operation: 'add', values: [1, 2, 3] }

const sessionId: Parameter = {
  schema: Type.String(),
  required: true,
  description: 'The `request_id` that the initialization has answered.',
}

const gone = 'The session is unknown, over or lost, or its function is deleted.'

export const lambdaOperations = {
  'POST /api/v1/initialize': {
    ...{ tag, summary: 'Initialize a session' },
    description:
      'Binds a script in its newest version to a context. A session lasts two hours; a retained one ' +
      'has a process of its own, and what its code keeps lives from one execution to the next.',
    headers: {
      'Language-Title': {
        schema: Type.String({ minLength: 1 }),
        required: true,
        description:
          'The language, a hyphen and the name of a function, as UTF-8 or percent-encoded: ' +
          '`nodejs-calculator`.',
      },
      'X-Request-ID': {
        schema: Type.String(),
        description: 'A UUID that nobody has becomes the id of the session.',
      },
    },
    body: {
      schema: InitializeBody,
      required: false,
      examples: {
        document: {
          context: {
            ...{ environment: 'production', user_id: 'user-123' },
            ...{ timeout_ms: 30_000, retain_session: true },
          },
        },
      },
    },
    answers: {
      200: answer('It can be executed.', Initialized, {
        ...{ request_id, status: 'initialized', expires_at: '2025-05-13T12:28:22Z' },
        language_title,
      }),
    },
    refuses: {
      400: 'The Language-Title is missing or malformed.',
      404: 'There is no such script.',
      503: 'The session could not be made now.',
    },
  },
  'POST /api/v1/execute/:request_id': {
    ...{ tag, summary: 'Execute a session' },
    description:
      'Runs the script with the params, or answers what the same execution came to within the hour.',
    path: { request_id: sessionId },
    headers: {
      'X-Cache-Control': {
        schema: Type.String(),
        description:
          '`no-cache`: run it in any case. `max-age=<seconds>`: take no older result, and keep the ' +
          'new one for so long; 86400 at most.',
      },
    },
    body: { schema: ExecuteBody, examples: { document: { params: PARAMS } } },
    answers: {
      200: answer('The result.', Executed, {
        ...{ request_id, language_title, execution_time: 42, cached: false },
        ...{ result: { value: 6 }, job_id: 12345 },
      }),
    },
    refuses: {
      400: 'The params are missing, or the schema of the script refuses them.',
      404: gone,
      429: 'Too many runs of the function wait.',
      500: 'The script raised an error, or met a limit: `details` says where and which.',
      504: 'The script took longer than `timeout_ms` of its session.',
    },
  },
  'GET /api/v1/sessions/:request_id': {
    ...{ tag, summary: 'Read a session' },
    path: { request_id: sessionId },
    answers: {
      200: answer(
        'The session.',
        SessionView,
        {
          ...{ request_id, language_title, status: 'active' },
          created_at: '2025-05-13T10:28:22Z',
          expires_at: '2025-05-13T12:28:22Z',
          ...{ execution_count: 3, last_executed_at: '2025-05-13T11:15:30Z' },
          ...{ function_id: 1, function_version: 2, retain_session: true },
        },
        STALE,
      ),
    },
    refuses: { 404: gone },
  },
  'DELETE /api/v1/sessions/:request_id': {
    ...{ tag, summary: 'End a session' },
    path: { request_id: sessionId },
    answers: { 204: { description: 'It is over, and so is its process.' } },
    refuses: { 404: gone },
  },
  'GET /api/v1/functions': {
    ...{ tag, summary: 'List the scripts' },
    query: {
      language: { schema: Type.String(), description: 'Only of this language.' },
      page: { schema: Type.Integer({ minimum: 1, maximum: PAGE_MAX, default: 1 }) },
      per_page: {
        schema: Type.Integer({ minimum: 1, maximum: PER_PAGE_MAX, default: PER_PAGE_DEFAULT }),
      },
    },
    answers: {
      200: answer('A page of them.', ScriptPage, {
        ...{ total: 42, page: 1, per_page: 20 },
        functions: [
          CALCULATOR,
          {
            ...{ language: 'python', title: 'image-processor' },
            ...{ language_title: 'python-image-processor', description: '画像処理機能を提供' },
            created_at: '2025-01-03T00:00:00Z',
            updated_at: '2025-01-04T00:00:00Z',
            ...{ function_id: 2, version: 2 },
          },
        ],
      }),
    },
    refuses: { 400: 'A parameter that is none.' },
  },
  'GET /api/v1/functions/:language_title': {
    ...{ tag, summary: 'Read a script' },
    path: {
      language_title: { schema: Type.String(), required: true, description: 'nodejs-calculator' },
    },
    answers: {
      200: answer('The script.', ScriptDetails, {
        ...CALCULATOR,
        schema: {
          params: {
            type: 'object',
            properties: {
              operation: { type: 'string', enum: ['add', 'subtract', 'multiply', 'divide'] },
              values: { type: 'array', items: { type: 'number' } },
            },
            required: ['operation', 'values'],
          },
          result: { type: 'object', properties: { value: { type: 'number' } } },
        },
        examples: [
          {
            description: '足し算の例',
            request: { params: PARAMS },
            response: { result: { value: 6 } },
          },
        ],
      }),
    },
    refuses: { 404: 'There is no such script.' },
  },
} as const satisfies Partial<Record<RouteName, Operation>>
