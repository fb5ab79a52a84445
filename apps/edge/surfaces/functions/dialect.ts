/**
 * How the functions API speaks: every answer in the envelope of its document, problems too.
 * Source: `CommonApiResponse` of the functions API document.
 */
import Type, { type Static } from 'typebox'
import type { Answer, Dialect } from '../../http/exchange.ts'
import { problemHeaders, STATUS } from '../../http/status.ts'

const Refusal = Type.Object(
  {
    success: Type.Literal(false),
    error: Type.Object({
      code: Type.String({ description: 'Stable, for programs.' }),
      message: Type.String(),
      details: Type.Object({ request_id: Type.String() }, { additionalProperties: true }),
    }),
  },
  { title: 'FunctionRefusal' },
)

export const functionsDialect: Dialect = {
  contentType: 'application/json',
  refusal: { schema: Refusal },
  render(problem, requestId) {
    const { code, message, details } = problem
    const told = { ...(isObject(details) && details), request_id: requestId }
    const shown: Static<typeof Refusal> = {
      success: false,
      error: { code, message, details: told },
    }
    return {
      status: STATUS[code],
      body: JSON.stringify(shown),
      headers: problemHeaders(problem),
    }
  },
}

/** `Data`: as the operation of the route documents it. */
export function success<Data>(
  status: number,
  data: NoInfer<Data>,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { status, body: JSON.stringify({ success: true, data }), headers }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
