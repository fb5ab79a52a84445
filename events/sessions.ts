/**
 * The language of sessions: a function, initialized once with a context and then executed many times.
 * Source: sections 2.1 to 2.3 of the lambda API document.
 *
 * A session id is never a subject token: there is one for every client's whim, and the server keeps
 * each subject that it has seen. What happens to sessions stands under their function.
 */
import Type, { type Static } from 'typebox'
import type { Envelope } from './envelope.ts'
import { TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX, type Runtime } from './functions.ts'
import type { Json } from './jobs.ts'

/** Fixed, whatever is done with it. */
export const SESSION_LASTS_MS = 2 * 60 * 60 * 1_000
/** As JSON text: it travels with every execution. */
export const CONTEXT_BYTES_MAX = 64 * 1024

/** The `context` of an initialization; further members of it reach the function too. */
export const ContextInput = Type.Object({
  environment: Type.Optional(Type.String()),
  user_id: Type.Optional(Type.String()),
  /** Wall clock of one execution, in milliseconds; the function's own counts for nothing here. */
  timeout_ms: Type.Optional(
    Type.Integer({ minimum: 1, maximum: TIMEOUT_MS_MAX, default: TIMEOUT_MS_DEFAULT }),
  ),
  /** One process for the whole session, which nobody else uses. */
  retain_session: Type.Optional(Type.Boolean({ default: false })),
})
export type ContextInput = Static<typeof ContextInput>

/** With nothing left open. */
export interface SessionContext {
  readonly timeout_ms: number
  readonly retain_session: boolean
  readonly [member: string]: Json
}

/** What is asked for, and stays as it is. */
export interface SessionData {
  /** A UUID, in lower case. */
  readonly session_id: string
  readonly owner: string
  readonly function_id: number
  /** The one that it stays with, whatever becomes of the function. */
  readonly function_version: number
  /** Where on EVENTS the definition of this version stands. */
  readonly definition_seq: number
  readonly runtime: Runtime
  readonly language_title: string
  readonly context: SessionContext
  /** The instance that holds its process, if it is retained. */
  readonly executor?: string
}

// ── commands ────────────────────────────────────────────────────────────────────────────────────

interface Deadline {
  /** ISO 8601. Nobody waits any longer: whoever reads the command later must not act on it. */
  readonly deadline: string
}

export type InitializeSession = Envelope<'session.initialize', SessionData & Deadline>

/** `lost`: the process that held its state is gone, and the state with it. */
export type CloseReason = 'closed' | 'lost'

export type CloseSession = Envelope<
  'session.close',
  {
    readonly session_id: string
    readonly owner: string
    /** Where on EVENTS its initialization stands. */
    readonly initialized_seq: number
    readonly reason: CloseReason
  } & Deadline
>
export type SessionCommand = InitializeSession | CloseSession

// ── events ──────────────────────────────────────────────────────────────────────────────────────

/** ISO 8601. */
interface Lifetime {
  readonly created_at: string
  readonly expires_at: string
}

export type SessionInitialized = Envelope<'session.initialized', SessionData & Lifetime>

export type SessionClosed = Envelope<
  'session.closed',
  {
    readonly session_id: string
    readonly owner: string
    readonly function_id: number
    readonly reason: CloseReason
    readonly closed_at: string
  }
>
export type SessionEvent = SessionInitialized | SessionClosed

/**
 * An id is given once and a session ends once: the server drops the repeat, and two who ask for the
 * same id at once never share a session.
 */
export const sessionMessageId = {
  command: (type: string, requestId: string) => `${type}:${requestId}`,
  initialized: (sessionId: string) => `session:${sessionId}:init`,
  closed: (sessionId: string) => `session:${sessionId}:close`,
} as const

/** What a job carries of the session that it is an execution of. */
export interface SessionOfJob {
  readonly id: string
  readonly context: SessionContext
  readonly expires_at: string
}
