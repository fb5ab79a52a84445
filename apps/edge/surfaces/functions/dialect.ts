/**
 * How the functions API speaks: every answer in the envelope of its document, problems too.
 * Source: `CommonApiResponse` of the functions API document.
 */
import type { Problem, ProblemCode } from '#domain/problem.ts'
import { MethodNotAllowed, type Answer, type Dialect } from '../../http/exchange.ts'

const STATUS: Readonly<Record<ProblemCode, number>> = {
  INVALID_REQUEST: 400,
  INVALID_JSON: 400,
  INVALID_PARAMS: 400,
  CODE_INVALID: 400,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NAME_TAKEN: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INTERNAL: 500,
  OVERLOADED: 503,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
}

const RETRY_AFTER_S = '1'

export const functionsDialect: Dialect = {
  contentType: 'application/json',
  render(problem, requestId) {
    const { code, message, details } = problem
    const shown = {
      code,
      message,
      details: { ...(isObject(details) && details), request_id: requestId },
    }
    return {
      status: STATUS[code],
      body: JSON.stringify({ success: false, error: shown }),
      headers: headersOf(problem),
    }
  },
}

export function success(
  status: number,
  data: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, body: JSON.stringify({ success: true, data }), headers }
}

function headersOf(problem: Problem): Record<string, string> {
  if (problem instanceof MethodNotAllowed) return { allow: problem.allow.join(', ') }
  return problem.retryable ? { 'retry-after': RETRY_AFTER_S } : {}
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
