/**
 * How the lambda API speaks. Source: sections 2 and 5 of its document, whose list of error codes is
 * closed but for the one that its initialization adds; a code of the house that is not in it is told
 * by the nearest one that is, with the status that it has everywhere.
 */
import Type, { type Static } from 'typebox'
import type { Problem, ProblemCode } from '#domain/problem.ts'
import type { Answer, Dialect } from '../../http/exchange.ts'
import { problemHeaders, STATUS } from '../../http/status.ts'

const DOCUMENT_CODES = [
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
type DocumentCode = (typeof DOCUMENT_CODES)[number]

const CODES: Readonly<Record<ProblemCode, DocumentCode>> = {
  INVALID_REQUEST: 'INVALID_REQUEST',
  INVALID_JSON: 'INVALID_REQUEST',
  INVALID_PARAMS: 'INVALID_PARAMS',
  CODE_INVALID: 'INVALID_REQUEST',
  VALIDATION_FAILED: 'INVALID_REQUEST',
  UNAUTHORIZED: 'UNAUTHORIZED',
  FORBIDDEN: 'FORBIDDEN',
  UNSUPPORTED_MEDIA_TYPE: 'INVALID_REQUEST',
  PAYLOAD_TOO_LARGE: 'INVALID_REQUEST',
  NOT_FOUND: 'NOT_FOUND',
  METHOD_NOT_ALLOWED: 'INVALID_REQUEST',
  UPGRADE_REQUIRED: 'INVALID_REQUEST',
  NAME_TAKEN: 'INVALID_REQUEST',
  CONFLICT: 'INVALID_REQUEST',
  KEY_REUSED: 'INVALID_REQUEST',
  RATE_LIMITED: 'RATE_LIMITED',
  QUEUE_FULL: 'RATE_LIMITED',
  INITIALIZATION_ERROR: 'INITIALIZATION_ERROR',
  RUNTIME_ERROR: 'RUNTIME_ERROR',
  OVERLOADED: 'INTERNAL_ERROR',
  UNAVAILABLE: 'INTERNAL_ERROR',
  TIMEOUT: 'TIMEOUT',
  INTERNAL: 'INTERNAL_ERROR',
}

const Refusal = Type.Object(
  {
    request_id: Type.Optional(
      Type.String({ description: 'The id in the path, where it has one.' }),
    ),
    error: Type.Object({
      code: Type.Enum([...DOCUMENT_CODES]),
      message: Type.String(),
      details: Type.Object({}, { additionalProperties: true }),
    }),
  },
  { title: 'LambdaRefusal' },
)

export const lambdaDialect: Dialect = {
  contentType: 'application/json',
  refusal: { schema: Refusal },
  render(problem: Problem, _requestId: string, about?: string) {
    const { code, message, details } = problem
    const error = { code: CODES[code], message, details: isObject(details) ? details : {} }
    const shown: Static<typeof Refusal> = {
      ...(about !== undefined && { request_id: about }),
      error,
    }
    return { status: STATUS[code], body: JSON.stringify(shown), headers: problemHeaders(problem) }
  },
}

/** `Body`: as the operation of the route documents it. */
export function answered<Body>(
  body: NoInfer<Body>,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status: 200, body: JSON.stringify(body), headers }
}

/** As the document writes times: whole seconds. */
export const seconds = (time: string) => time.replace(/\.\d+Z$/, 'Z')

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
