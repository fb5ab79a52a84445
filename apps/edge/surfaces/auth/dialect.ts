/**
 * How the chunk API's document speaks of what went wrong. Source: its sections on errors and limits;
 * what it has no words for is said in the same way.
 *
 * The document spells its errors twice. `error` is the text of an example where there is one, else
 * the name in the table; `code` is always the name.
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
      error: EXAMPLES[status] ?? NAMES[status] ?? NAMES[500],
      code: NAMES[status] ?? NAMES[500],
      message,
      ...(details !== undefined && { details }),
      ...(status === 429 && { retry_after: Number(retryAfter) }),
      request_id: requestId,
    }
    return { status, body: JSON.stringify(shown), headers }
  },
}

const EXAMPLES: Readonly<Record<number, string>> = {
  400: 'Invalid request',
  500: 'Internal server error',
  503: 'Service unavailable',
}

const NAMES: Readonly<Record<number, string>> = {
  400: 'InvalidRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  413: 'PayloadTooLarge',
  415: 'UnsupportedMediaType',
  422: 'ValidationError',
  429: 'RateLimitExceeded',
  500: 'InternalServerError',
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
}
