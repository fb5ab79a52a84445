/**
 * How the functions API speaks: every answer in the envelope of its document, problems too.
 * Source: `CommonApiResponse` of the functions API document.
 */
import type { Answer, Dialect } from '../../http/exchange.ts'
import { problemHeaders, STATUS } from '../../http/status.ts'

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
      headers: problemHeaders(problem),
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

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
