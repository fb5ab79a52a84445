/**
 * How the surfaces of our own speak: JSON as it is, problems as RFC 9457 says, with the house's code
 * and the request's id beside its fields.
 */
import Type, { type Static } from 'typebox'
import type { Answer, Dialect } from '../../http/exchange.ts'
import { problemHeaders, STATUS } from '../../http/status.ts'

const CONTENT_TYPE = 'application/problem+json'

const Refusal = Type.Object(
  {
    type: Type.String({ format: 'uri' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    details: Type.Optional(Type.Unknown()),
    request_id: Type.String(),
  },
  { title: 'Problem', description: 'As RFC 9457 says, with a code and details of the house.' },
)

export const operationsDialect: Dialect = {
  contentType: 'application/json',
  refusal: { schema: Refusal, contentType: CONTENT_TYPE },
  render(problem, requestId) {
    const { code, message, details } = problem
    const status = STATUS[code]
    const shown: Static<typeof Refusal> = {
      type: `urn:sluice:problem:${code.toLowerCase().replaceAll('_', '-')}`,
      title: TITLES[status] ?? 'Error',
      status,
      detail: message,
      code,
      ...(details !== undefined && { details }),
      request_id: requestId,
    }
    return {
      status,
      body: JSON.stringify(shown),
      headers: { 'content-type': CONTENT_TYPE, ...problemHeaders(problem) },
    }
  },
}

/** `Body`: as the operation of the route documents it. */
export function shown<Body>(
  status: number,
  body: NoInfer<Body>,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, body: JSON.stringify(body), headers }
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}
