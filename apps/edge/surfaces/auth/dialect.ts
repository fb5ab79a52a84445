/**
 * How the chunk API's document speaks of what went wrong. Source: its sections on errors and limits;
 * what it has no words for is said in the same way.
 */
import type { Dialect } from '../../http/exchange.ts'
import { problemHeaders, STATUS } from '../../http/status.ts'

export const authDialect: Dialect = {
  contentType: 'application/json',
  timesAnswers: true,
  render(problem, requestId) {
    const { code, message, details } = problem
    const status = STATUS[code]
    const headers = problemHeaders(problem)
    const retryAfter = headers['retry-after']
    const shown = {
      error: ERRORS[status] ?? 'Internal server error',
      message,
      ...(details !== undefined && { details }),
      ...(status === 429 && { retry_after: Number(retryAfter) }),
      request_id: requestId,
    }
    return { status, body: JSON.stringify(shown), headers }
  },
}

const ERRORS: Readonly<Record<number, string>> = {
  400: 'Invalid request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  413: 'Payload too large',
  415: 'Unsupported media type',
  422: 'Validation failed',
  429: 'RateLimitExceeded',
  500: 'Internal server error',
  503: 'Service unavailable',
  504: 'Gateway timeout',
}
