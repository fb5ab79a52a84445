/**
 * What is asked of sessions, as commands.
 *
 * Invariant: a client's own id is used only if nobody has it. Whether that is so, the read model and
 * the log decide together: the read model knows the old ones, and of two that come at once the log
 * lets one through (`apps/handler/session-commands.ts`); the other gets a fresh id.
 */
import { randomUUID } from 'node:crypto'
import { Problem } from '#domain/problem.ts'
import type { Cause } from '#events/envelope.ts'
import {
  sessionMessageId,
  type CloseReason,
  type SessionData,
  type SessionInitialized,
} from '#events/sessions.ts'
import { isSessionKnown } from '#projections/sessions.ts'
import type { SendCommand } from '../commands.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Queries } from '../queries.ts'
import type { KnownSession, Sessions } from '../knowledge/sessions.ts'

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/

export interface SessionCommandsOptions {
  readonly send: SendCommand
  readonly sessions: Sessions
  readonly queries: Queries
}

export type NewSession = Omit<SessionData, 'session_id'>

export interface SessionCommands {
  /** `wished`: what the client sent as `X-Request-ID`, whatever it is. */
  initialize(
    session: NewSession,
    wished: string | undefined,
    caller: Pick<Exchange, 'cause' | 'effect'>,
  ): Promise<SessionInitialized['data']>
  close(session: KnownSession, reason: CloseReason, cause: Cause): Promise<void>
}

export function createSessionCommands(options: SessionCommandsOptions): SessionCommands {
  const { send, sessions } = options

  const ask = async (session_id: string, session: NewSession, cause: Cause) => {
    const type = 'session.initialize'
    const id = sessionMessageId.command(type, randomUUID())
    const subject = String(session.function_id)
    const data = { ...session, session_id }
    const asked = { type, id, subject, data, known: 'sessions' as const }
    const { data: initialized } = await send<SessionInitialized['data']>(asked, cause)
    if (initialized !== undefined) return initialized
    throw new Problem('INTERNAL', 'The session was decided, but not told.')
  }

  return {
    async initialize(session, wished, { cause, effect }) {
      const id = await effect.newId({ take: () => newId(wished, options) })
      // An earlier try of the same request may have come so far.
      const before = effect.before === undefined ? undefined : sessions.find(id, session.owner)
      if (before !== undefined) return before
      effect.requireMine()
      try {
        return await ask(id, session, cause)
      } catch (error) {
        if (!(error instanceof Problem) || error.code !== 'CONFLICT') throw error
        return ask(randomUUID(), session, cause)
      }
    },
    async close({ session_id, owner, function_id, seq }, reason, cause) {
      const type = 'session.close'
      const id = sessionMessageId.command(type, randomUUID())
      const subject = String(function_id)
      const data = { session_id, owner, initialized_seq: seq, reason }
      await send({ type, id, subject, data, known: 'sessions' }, cause)
    },
  }
}

async function newId(wished: string | undefined, options: SessionCommandsOptions) {
  const id = wished?.toLowerCase() ?? ''
  return UUID.test(id) && (await isFree(id, options)) ? id : randomUUID()
}

async function isFree(id: string, { sessions, queries }: SessionCommandsOptions) {
  if (sessions.isTaken(id)) return false
  const { value: isKnown, fresh } = await queries.ask((db) => isSessionKnown(db, id))
  return fresh && !isKnown
}
