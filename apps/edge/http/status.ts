/** The HTTP of a problem: what most surfaces answer with, and the headers that belong to it. */
import type { Problem, ProblemCode } from '#domain/problem.ts'

export const STATUS: Readonly<Record<ProblemCode, number>> = {
  INVALID_REQUEST: 400,
  INVALID_JSON: 400,
  INVALID_PARAMS: 400,
  CODE_INVALID: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  NAME_TAKEN: 409,
  CONFLICT: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  KEY_REUSED: 422,
  VALIDATION_FAILED: 422,
  UPGRADE_REQUIRED: 426,
  RATE_LIMITED: 429,
  QUEUE_FULL: 429,
  INTERNAL: 500,
  RUNTIME_ERROR: 500,
  INITIALIZATION_ERROR: 503,
  OVERLOADED: 503,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
}

const RETRY_AFTER_S = 1

export function problemHeaders(problem: Problem): Record<string, string> {
  const { headers, retryable, retryAfterS = RETRY_AFTER_S } = problem
  if (!retryable) return { ...headers }
  return { 'retry-after': String(Math.max(1, Math.ceil(retryAfterS))), ...headers }
}
