/**
 * The lambda API, part 2: executions of a session.
 * Source: section 2.2 of its document.
 */
import { Problem } from '#domain/problem.ts'
import { sessionLost } from '#domain/session.ts'
import type { JobError } from '#events/jobs.ts'
import type { Json } from '#events/json.ts'
import type { Agreement } from '../../knowledge/agreement.ts'
import { requireExecute } from '../../access/principal.ts'
import type { BoundVersions } from '../../sessions/bound-versions.ts'
import { parseCacheControl } from '../../cache/result-cache.ts'
import type { Executions } from '../../sessions/executions.ts'
import { parseJson, readOptionalText } from '../../http/body.ts'
import type { Router } from '../../http/exchange.ts'
import type { Sessions } from '../../knowledge/sessions.ts'
import { answered } from './dialect.ts'
import type { Executed } from './schemas.ts'

export interface ExecuteRouteOptions {
  readonly agreement: Agreement
  readonly sessions: Sessions
  readonly versions: BoundVersions
  readonly executions: Executions
}

export function executeRoute(router: Router, options: ExecuteRouteOptions): void {
  const { agreement, sessions, versions, executions } = options

  router.on('POST /api/v1/execute/:request_id', async (exchange) => {
    const { param, principal } = exchange
    agreement.requirePresence()
    const session = sessions.get(param('request_id'), principal.owner)
    requireExecute(principal, session.runtime)
    const finding = versions.of(session)
    const defined = finding instanceof Promise ? await finding : finding
    const text = (await readOptionalText(exchange)) ?? ''
    const params = paramsOf(parseJson(text))
    inParams(() => defined.validateEvent?.(params, text.length))
    const control = parseCacheControl(exchange.header('x-cache-control'))
    const executed = await executions.execute({ session, defined, params, control }, exchange)
    const { outcome, job_id, cached } = executed
    if ('error' in outcome) throw failed(outcome.error, job_id)
    const { session_id: request_id, language_title } = session
    const { execution_time, result } = outcome
    return answered<Executed>({
      request_id,
      language_title,
      execution_time,
      cached,
      result,
      job_id,
    })
  })
}

function paramsOf(body: Json): Json {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Problem('INVALID_REQUEST', 'The body must be an object.', { field: null })
  }
  if (Object.hasOwn(body, 'params')) return (body as Readonly<Record<string, Json>>)['params']!
  const details = { field: 'params', pointer: '/params' }
  throw new Problem('INVALID_PARAMS', 'params is required.', details)
}

/** The schema is of `params`; the client is told where in the body that is. */
function inParams(validate: () => void): void {
  try {
    validate()
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const { field, pointer = '' } = error.details as { field: string | null; pointer?: string }
    const details = {
      field: field === null ? 'params' : `params.${field}`,
      pointer: `/params${pointer}`,
    }
    throw new Problem(error.code, error.message, details, { cause: error })
  }
}

/** Not the function's fault, and nothing that another attempt of the client would make worse. */
const OURS: ReadonlySet<JobError['code']> = new Set(['ATTEMPTS_EXHAUSTED', 'EXPIRED', 'UNREADABLE'])

function failed(error: JobError, job_id: number): Problem {
  const { code, message, line = null, column = null, stack = null, type = null } = error
  if (code === 'SESSION_LOST') return sessionLost({ job_id })
  if (OURS.has(code)) return new Problem('INTERNAL', message, { reason: code, job_id })
  const place = { line, column, stack_trace: stack, type, job_id }
  if (code === 'TIMEOUT') return new Problem('TIMEOUT', message, place)
  const reason = code === 'RUNTIME_ERROR' ? undefined : { reason: code }
  return new Problem('RUNTIME_ERROR', message, { ...place, ...reason })
}
