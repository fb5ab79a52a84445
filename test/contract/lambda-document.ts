/**
 * The lambda API document as data: its requests, the shapes of its answers, its tables.
 * Source: the document 004, sections 2 to 5; what its examples hold is word for word.
 */
export type Check = (value: unknown) => boolean
export type Shape = Readonly<Record<string, Check>>

const isUuid: Check = (value) =>
  typeof value === 'string' && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(value)
/** As the document writes times: whole seconds, UTC. */
const isTime: Check = (value) =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value)
const isText: Check = (value) => typeof value === 'string'
const isWhole: Check = (value) => Number.isInteger(value) && (value as number) >= 0
const isFlag: Check = (value) => typeof value === 'boolean'
const isObject: Check = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value)

export const INITIALIZE = {
  headers: { 'language-title': 'nodejs-calculator' },
  body: {
    context: {
      environment: 'production',
      user_id: 'user-123',
      timeout_ms: 30000,
      retain_session: true,
    },
  },
  answer: { request_id: isUuid, status: oneOf('initialized'), expires_at: isTime },
}

export const EXECUTE = {
  body: { params: { operation: 'add', values: [1, 2, 3] } },
  answer: {
    request_id: isUuid,
    language_title: oneOf('nodejs-calculator'),
    execution_time: isWhole,
    cached: isFlag,
    result: isObject,
  },
  result: { value: 6 },
}

export const SESSION: Shape = {
  request_id: isUuid,
  language_title: oneOf('nodejs-calculator'),
  status: oneOf('initialized', 'active'),
  created_at: isTime,
  expires_at: isTime,
  execution_count: isWhole,
  last_executed_at: (value) => value === null || isTime(value),
}

export const FUNCTIONS: Shape = {
  total: isWhole,
  page: isWhole,
  per_page: isWhole,
  functions: Array.isArray,
}

export const FUNCTION: Shape = {
  language: oneOf('nodejs', 'python', 'rust'),
  title: isText,
  language_title: isText,
  description: isText,
  created_at: isTime,
  updated_at: isTime,
}

export const FUNCTION_DETAIL: Shape = {
  ...FUNCTION,
  schema: (value) =>
    isObject(value) && 'params' in (value as object) && 'result' in (value as object),
  examples: Array.isArray,
}

export const ERROR: Shape = { code: isText, message: isText, details: isObject }

/** Section 2: what the details of a failed execution hold. */
export const PLACE: Shape = { line: isWhole, column: isWhole, stack_trace: isText }

/** Section 5, and the one that section 2.1 adds. */
export const CODES = [
  'INVALID_REQUEST',
  'INVALID_PARAMS',
  'UNAUTHORIZED',
  'FORBIDDEN',
  'NOT_FOUND',
  'RATE_LIMITED',
  'RUNTIME_ERROR',
  'TIMEOUT',
  'INTERNAL_ERROR',
  'INITIALIZATION_ERROR',
] as const

/** The script that the document's details show. */
export const CALCULATOR = {
  name: 'calculator',
  description: '基本的な計算機能を提供',
  schema: {
    params: {
      type: 'object',
      properties: {
        operation: {
          type: 'string',
          enum: ['add', 'subtract', 'multiply', 'divide'],
          description: '実行する演算',
        },
        values: { type: 'array', items: { type: 'number' }, description: '演算対象の数値配列' },
      },
      required: ['operation', 'values'],
    },
    result: {
      type: 'object',
      properties: { value: { type: 'number', description: '計算結果' } },
    },
  },
  examples: [
    {
      description: '足し算の例',
      request: { params: { operation: 'add', values: [1, 2, 3] } },
      response: { result: { value: 6 } },
    },
  ],
}

/** Section 7. */
export const CORS = {
  'access-control-allow-methods': ['GET', 'POST', 'OPTIONS'],
  'access-control-allow-headers': [
    'Content-Type',
    'Authorization',
    'Language-Title',
    'X-Request-ID',
    'X-Cache-Control',
  ],
  'access-control-max-age': ['86400'],
}
