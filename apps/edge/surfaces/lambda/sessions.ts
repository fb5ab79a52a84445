/**
 * The lambda API, part 1: sessions, from their initialization to their end.
 * Source: sections 2.1 and 2.3 of its document.
 */
import { Problem } from '#domain/problem.ts'
import { TIMEOUT_MS_DEFAULT } from '#events/functions.ts'
import type { Json } from '#events/json.ts'
import { CONTEXT_BYTES_MAX, type SessionContext } from '#events/sessions.ts'
import { sessionExecutions } from '#projections/session-executions.ts'
import { requireExecute } from '../../access/principal.ts'
import type { Agreement } from '../../knowledge/agreement.ts'
import type { Definitions } from '../../knowledge/definitions.ts'
import { parseJson, readOptionalText } from '../../http/body.ts'
import type { Exchange, Router } from '../../http/exchange.ts'
import { validator } from '../../http/validate.ts'
import type { Pins } from '../../sessions/pins.ts'
import type { Queries } from '../../queries.ts'
import type { SessionCommands } from '../../sessions/session-commands.ts'
import type { Sessions } from '../../knowledge/sessions.ts'
import { answered, seconds } from './dialect.ts'
import { functionOfHeader, languageTitle } from './language-title.ts'
import { InitializeBody, type Initialized, type SessionView } from './schemas.ts'

const validBody = validator<InitializeBody>(InitializeBody)

export interface SessionRoutesOptions {
  readonly definitions: Definitions
  readonly agreement: Agreement
  readonly sessions: Sessions
  readonly commands: SessionCommands
  readonly pins: Pins
  readonly queries: Queries
}

export function sessionRoutes(router: Router, options: SessionRoutesOptions): void {
  const { definitions, agreement, sessions, commands, queries } = options

  router.on('POST /api/v1/initialize', async (exchange) => {
    const { owner } = exchange.principal
    const text = (await readOptionalText(exchange)) ?? '{}'
    const context = contextOf(validBody(parseJson(text)))
    try {
      agreement.requirePresence()
      const defined = functionOfHeader(definitions, owner, exchange.header('language-title'))
      const { runtime } = defined.definition
      requireExecute(exchange.principal, runtime)
      const session = {
        owner,
        function_id: defined.function_id,
        function_version: defined.version,
        definition_seq: defined.seq,
        runtime,
        language_title: languageTitle(defined.definition),
        context,
      }
      const { session_id, language_title, expires_at } = await initialize(
        session,
        exchange,
        options,
      )
      const document = { request_id: session_id, status: 'initialized' as const }
      return answered<Initialized>({ ...document, expires_at: seconds(expires_at), language_title })
    } catch (error) {
      throw notInitialized(error)
    }
  })

  router.on('GET /api/v1/sessions/:request_id', async ({ param, principal }) => {
    agreement.requirePresence()
    const session = sessions.get(param('request_id'), principal.owner)
    // The session of a deleted function is as gone as the function.
    definitions.get(session.function_id, principal.owner)
    const { session_id: request_id, language_title, context } = session
    const { value, fresh } = await queries.ask((db) => sessionExecutions(db, request_id))
    const { execution_count, last_executed_at } = value
    const document = {
      request_id,
      language_title,
      status: execution_count === 0 ? ('initialized' as const) : ('active' as const),
      created_at: seconds(session.created_at),
      expires_at: seconds(session.expires_at),
      execution_count,
      last_executed_at: last_executed_at === null ? null : seconds(last_executed_at),
    }
    const { function_id, function_version } = session
    const { retain_session } = context
    const body = { ...document, function_id, function_version, retain_session }
    return answered<SessionView>(body, fresh ? {} : { 'sluice-stale': 'true' })
  })

  router.on('DELETE /api/v1/sessions/:request_id', async ({ param, principal, cause }) => {
    agreement.requirePresence()
    const session = sessions.get(param('request_id'), principal.owner)
    definitions.get(session.function_id, principal.owner)
    await commands.close(session, 'closed', cause)
    return { status: 204 }
  })
}

type Wished = Parameters<SessionCommands['initialize']>[0]

async function initialize(
  session: Wished,
  exchange: Exchange,
  { pins, commands }: SessionRoutesOptions,
) {
  const wishedId = exchange.header('x-request-id')
  if (!session.context.retain_session) {
    pins.requireRuntime(session.runtime)
    return commands.initialize(session, wishedId, exchange)
  }
  using chosen = pins.choose(session.runtime)
  const { executor } = chosen
  return await commands.initialize({ ...session, executor }, wishedId, exchange)
}

function contextOf({ context = {} }: InitializeBody): SessionContext {
  const bytes = Buffer.byteLength(JSON.stringify(context))
  if (bytes > CONTEXT_BYTES_MAX) {
    const message = `context is larger than ${CONTEXT_BYTES_MAX} bytes.`
    const details = { field: 'context', max_bytes: CONTEXT_BYTES_MAX }
    throw new Problem('PAYLOAD_TOO_LARGE', message, details)
  }
  const { timeout_ms = TIMEOUT_MS_DEFAULT, retain_session = false } = context
  // What is no member of the schema is JSON as well.
  return { ...(context as Readonly<Record<string, Json>>), timeout_ms, retain_session }
}

/** What went wrong on our side is told in the document's own word for it. */
function notInitialized(error: unknown): unknown {
  if (!(error instanceof Problem)) return error
  if (error.code !== 'UNAVAILABLE' && error.code !== 'TIMEOUT') return error
  const { message, details, retryAfterS } = error
  return new Problem('INITIALIZATION_ERROR', message, details, { cause: error, retryAfterS })
}
