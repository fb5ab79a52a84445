/**
 * What is asked of sessions, decided.
 *
 * Invariants:
 * 1. An id is given once: the server drops a second initialization under the same message id, and
 *    whoever asked for it is told that the id is taken. An id that is older than the server's
 *    memory is refused by the edge, which asks the read model.
 * 2. A command is decided once: what comes again finds its own event under that message id.
 * 3. Closing twice is closing once.
 */
import { closeSession, initializeSession } from '#domain/session.ts'
import { Problem } from '#domain/problem.ts'
import type { Appended, Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import type { DecidedReply } from '#events/replies.ts'
import type {
  CloseSession,
  InitializeSession,
  SessionCommand,
  SessionEvent,
  SessionInitialized,
} from '#events/sessions.ts'
import { subjects } from '#events/subjects.ts'
import { SOURCE, type Aggregate, type Command } from './commands.ts'

export interface SessionCommandsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  /** How long the log keeps what happened to a session. */
  readonly ttlDays: number
}

export function sessionCommands(options: SessionCommandsOptions): Aggregate<SessionCommand> {
  return {
    isCommand: isSessionCommand,
    act: (command) =>
      command.type === 'session.initialize'
        ? initialize(command, options)
        : close(command, options),
  }
}

function isSessionCommand(command: Command): command is SessionCommand {
  const { data } = command as SessionCommand
  if (typeof data.session_id !== 'string' || typeof data.owner !== 'string') return false
  switch (command.type) {
    case 'session.initialize':
      return 'function_id' in data && typeof data.function_id === 'number'
    case 'session.close':
      return 'initialized_seq' in data && typeof data.initialized_seq === 'number'
    default:
      return false
  }
}

async function initialize(
  command: InitializeSession,
  options: SessionCommandsOptions,
): Promise<DecidedReply<SessionInitialized['data']>> {
  const initialized = initializeSession(command, saying())
  const { seq, duplicate } = await append(initialized, options)
  if (!duplicate) return { seq, data: initialized.data }
  const first = await readEvent<SessionInitialized>(options.bus, options.payloads, { seq })
  if (first?.event.causationid !== command.id) {
    throw new Problem('CONFLICT', 'The session id is taken.', { field: 'session_id' })
  }
  return { seq, data: first.event.data }
}

async function close(
  command: CloseSession,
  options: SessionCommandsOptions,
): Promise<DecidedReply> {
  const { initialized_seq: place } = command.data
  const recorded = await readEvent<SessionEvent>(options.bus, options.payloads, { seq: place })
  const event = recorded?.event
  const initialized = event?.type === 'session.initialized' ? event : undefined
  const { seq } = await append(closeSession(command, initialized, saying()), options)
  return { seq }
}

async function append(
  event: SessionEvent,
  { payloads, appender, ttlDays }: SessionCommandsOptions,
): Promise<Appended> {
  const fact = event.type === 'session.initialized' ? 'initialized' : 'closed'
  const subject = subjects.sessionEvent(event.data.function_id, fact)
  const sealed = await payloads.seal(event, 'as-long-as-the-log')
  return appender.append({ ...sealed, subject, id: event.id, ttlDays })
}

const saying = () => ({ source: SOURCE, time: new Date().toISOString() })
