/**
 * What the log says of a request, once it has its answer: one line, whatever became of it.
 * Source: "日志格式" of the chunk API's document.
 */
import type { Problem } from '#domain/problem.ts'
import type { Log } from '#runtime/log.ts'

export interface AnsweredRequest {
  readonly requestId: string
  readonly method: string
  readonly path: string
  readonly statusCode: number
  /** In milliseconds. */
  readonly responseTime: number
}

export interface ToldOf {
  readonly problem?: Problem | undefined
  /** Of what went well, too; else that is for whoever debugs. */
  readonly isRoutineTold?: boolean | undefined
}

export function tellAnswered(
  log: Log,
  answered: AnsweredRequest,
  { problem, isRoutineTold = false }: ToldOf = {},
): void {
  if (problem === undefined) {
    log[isRoutineTold ? 'info' : 'debug']('request_answered', { ...answered })
    return
  }
  const { code, cause } = problem
  // What does not parse is quoted, and may be a password.
  const message = code === 'INVALID_JSON' ? undefined : problem.message
  const fields = { ...answered, code, ...(message !== undefined && { message }) }
  if (code === 'INTERNAL') log.error('request_failed', { ...fields, error: problem })
  else if (code === 'UNAUTHORIZED') log.info('request_refused', { ...fields, reason: cause })
  else log.info('request_refused', fields)
}
