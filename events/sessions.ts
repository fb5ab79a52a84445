/**
 * The language of sessions: a function, initialized once with a context and then executed many times.
 * Source: sections 2.1 to 2.3 of the lambda API document.
 *
 * A session id is never a subject token: there is one for every client's whim, and the server keeps
 * each subject that it has seen. What happens to sessions stands under their function.
 */
import Type, { type Static } from 'typebox'
import { Runtime, TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX } from './functions.ts'
import type { Json } from './json.ts'
import { deadline, message, timestamp, type DeepReadonly, type EnvelopeOf } from './message.ts'

/** Fixed, whatever is done with it. */
export const SESSION_LASTS_MS = 2 * 60 * 60 * 1_000
/** As JSON text: it travels with every execution. */
export const CONTEXT_BYTES_MAX = 64 * 1024

export const ContextInput = Type.Object(
  {
    environment: Type.Optional(Type.String()),
    user_id: Type.Optional(Type.String()),
    timeout_ms: Type.Optional(
      Type.Integer({
        ...{ minimum: 1, maximum: TIMEOUT_MS_MAX, default: TIMEOUT_MS_DEFAULT },
        description:
          "Wall clock of one execution, in milliseconds; the function's own counts for nothing here.",
      }),
    ),
    retain_session: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'One process for the whole session, which nobody else uses.',
      }),
    ),
  },
  {
    additionalProperties: true,
    title: 'ContextInput',
    description: 'What it holds beside these reaches the function too.',
  },
)
export type ContextInput = Static<typeof ContextInput>

/** With nothing left open. */
export interface SessionContext {
  readonly timeout_ms: number
  readonly retain_session: boolean
  readonly [member: string]: Json
}

const Context = Type.Unsafe<SessionContext>(
  Type.Object(
    { timeout_ms: Type.Integer(), retain_session: Type.Boolean() },
    { additionalProperties: true, description: 'What reaches the function, with nothing open.' },
  ),
)

const session = {
  session_id: Type.String({ description: 'A UUID, in lower case.' }),
  owner: Type.String(),
}
const functionId = { function_id: Type.Integer() }

/** What is asked for, and stays as it is. */
export const SessionData = Type.Object({
  ...session,
  ...functionId,
  function_version: Type.Integer({
    description: 'The one that it stays with, whatever becomes of the function.',
  }),
  definition_seq: Type.Integer({
    description: 'Where on EVENTS the definition of this version stands.',
  }),
  runtime: Runtime,
  language_title: Type.String({ description: '`<runtime>-<name>` of the function.' }),
  context: Context,
  executor: Type.Optional(
    Type.String({ description: 'The instance that holds its process, if it is retained.' }),
  ),
})
export type SessionData = DeepReadonly<Static<typeof SessionData>>

// ── commands ────────────────────────────────────────────────────────────────────────────────────

export const InitializeSession = message(
  'session.initialize',
  'Begin a session of a function.',
  Type.Object({ ...SessionData.properties, ...deadline }),
)
export type InitializeSession = EnvelopeOf<typeof InitializeSession>

export const CloseReason = Type.Enum(['closed', 'lost'], {
  description:
    '`lost`: the process that held its state is gone, and the state with it. `closed`: somebody asked for it.',
})
export type CloseReason = Static<typeof CloseReason>

export const CloseSession = message(
  'session.close',
  'End a session.',
  Type.Object({
    ...session,
    initialized_seq: Type.Integer({
      description: 'Where on EVENTS its initialization stands.',
    }),
    reason: CloseReason,
    ...deadline,
  }),
)
export type CloseSession = EnvelopeOf<typeof CloseSession>

export type SessionCommand = InitializeSession | CloseSession

// ── events ──────────────────────────────────────────────────────────────────────────────────────

export const SessionInitialized = message(
  'session.initialized',
  'A session has begun: a function, initialized once with a context, to be executed many times.',
  Type.Object({
    ...SessionData.properties,
    created_at: timestamp('When it began.'),
    expires_at: timestamp('When it ends by itself, whatever is done with it.'),
  }),
)
export type SessionInitialized = EnvelopeOf<typeof SessionInitialized>

export const SessionClosed = message(
  'session.closed',
  'A session has ended before its time was over.',
  Type.Object({
    ...session,
    ...functionId,
    reason: CloseReason,
    closed_at: timestamp('When.'),
  }),
)
export type SessionClosed = EnvelopeOf<typeof SessionClosed>

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
export const SessionOfJob = Type.Object({
  id: Type.String({ description: 'A UUID, in lower case.' }),
  context: Context,
  expires_at: timestamp('When the session ends by itself.'),
})
export type SessionOfJob = DeepReadonly<Static<typeof SessionOfJob>>
