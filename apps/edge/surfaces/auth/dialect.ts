/**
 * How the chunk API's document speaks of what went wrong. Source: its sections on errors and limits;
 * what it has no words for is said in the same way.
 *
 * The document spells its errors twice. `error` is the text of an example where there is one, else
 * the name in the table; `code` is always the name.
 */
import Type, { type Static } from 'typebox'
import type { Dialect } from '../../http/exchange.ts'
import { problemHeaders, STATUS } from '../../http/status.ts'

const Refusal = Type.Object(
  {
    error: Type.String({ description: 'As the examples of the document spell it.' }),
    code: Type.String({ description: 'As its table of errors spells it.' }),
    message: Type.String(),
    details: Type.Optional(
      Type.Unknown({ description: 'Of a bad value: its `field` and its `constraint`.' }),
    ),
    retry_after: Type.Optional(Type.Number({ description: 'Seconds; with 429.' })),
    request_id: Type.String(),
  },
  { title: 'ChunkRefusal' },
)

export const authDialect: Dialect = {
  contentType: 'application/json',
  refusal: { schema: Refusal },
  timesAnswers: true,
  render(problem, requestId) {
    const { code, message, details } = problem
    const status = STATUS[code]
    const headers = problemHeaders(problem)
    const retryAfter = headers['retry-after']
    const name = NAMES[status] ?? INTERNAL
    const shown: Static<typeof Refusal> = {
      error: EXAMPLES[status] ?? name,
      code: name,
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

const INTERNAL = 'InternalServerError'

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
  500: INTERNAL,
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
}
