/**
 * Decisions about sessions: `(command, state) → event`, or a named problem.
 *
 * Invariants:
 * 1. A session lives for `SESSION_LASTS_MS`, whatever is done with it.
 * 2. It ends once; who closes it again closes nothing.
 * 3. Another owner's session, one that has ended and one that never was are all the same to whoever
 *    asks. Only the owner of a lost one is told so.
 */
import { causedBy, envelope, type Said } from '#events/envelope.ts'
import {
  SESSION_LASTS_MS,
  sessionMessageId,
  type CloseReason,
  type CloseSession,
  type InitializeSession,
  type SessionClosed,
  type SessionData,
  type SessionInitialized,
} from '#events/sessions.ts'
import { excerpt, Problem } from './problem.ts'

type Saying = Pick<Said, 'source' | 'time'>

export function initializeSession(command: InitializeSession, saying: Saying): SessionInitialized {
  const { session_id, owner, function_id, function_version, definition_seq } = command.data
  const { runtime, language_title, context, executor } = command.data
  const bound = { session_id, owner, function_id, function_version, definition_seq }
  const session: SessionData = {
    ...{ ...bound, runtime, language_title, context },
    ...(executor !== undefined && { executor }),
  }
  const expires_at = new Date(Date.parse(saying.time) + SESSION_LASTS_MS).toISOString()
  return envelope(
    { ...saying, cause: causedBy(command) },
    {
      id: sessionMessageId.initialized(session.session_id),
      type: 'session.initialized',
      subject: String(session.function_id),
      data: { ...session, created_at: saying.time, expires_at },
    },
  )
}

/** `initialized`: what the log has at the place that the command names. */
export function closeSession(
  command: CloseSession,
  initialized: SessionInitialized | undefined,
  saying: Saying,
): SessionClosed {
  const { session_id, owner, reason } = command.data
  const session = initialized?.data
  if (session?.session_id !== session_id || session.owner !== owner) {
    throw sessionNotFound(session_id)
  }
  if (isExpired(session, Date.parse(saying.time))) throw sessionNotFound(session_id)
  return sessionClosed(session, reason, { ...saying, cause: causedBy(command) })
}

export function sessionClosed(
  session: Pick<SessionData, 'session_id' | 'owner' | 'function_id'>,
  reason: CloseReason,
  said: Said,
): SessionClosed {
  const { session_id, owner, function_id } = session
  return envelope(said, {
    id: sessionMessageId.closed(session_id),
    type: 'session.closed',
    subject: String(function_id),
    data: { session_id, owner, function_id, reason, closed_at: said.time },
  })
}

export function isExpired({ expires_at }: { readonly expires_at: string }, nowMs: number): boolean {
  return Date.parse(expires_at) <= nowMs
}

export function sessionNotFound(id: string): Problem {
  const message = 'There is no such session, or it has expired.'
  return new Problem('NOT_FOUND', message, { field: 'request_id', given: excerpt(id) })
}

export function sessionLost(details: object = {}): Problem {
  const message =
    'The session is lost: the process that held its state is gone. Initialize another one.'
  return new Problem('NOT_FOUND', message, {
    field: 'request_id',
    reason: 'session_lost',
    ...details,
  })
}
