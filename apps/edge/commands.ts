/**
 * Sends a command to a handler and waits for its decision.
 *
 * Invariant: a command carries the moment after which nobody waits for it; a handler that reads it
 * later does not act. So an answer of 503 means that nothing was or will be done, unless the handler
 * was cut off in the very act.
 */
import { Problem, type ProblemCode } from '#domain/problem.ts'
import { envelope, type Cause } from '#events/envelope.ts'
import { AppendError, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { RpcError } from '#events/jetstream/rpc.ts'
import { REPLY_HEADER, type CommandReply, type DecidedReply } from '#events/replies.ts'
import { subjects } from '#events/subjects.ts'
import type { Agreement, Known } from './knowledge/agreement.ts'
import type { LogRoom } from './log-room.ts'
import type { ReadModel } from '#runtime/read-model.ts'

const DECIDE_WITHIN_MS = 15_000
/** The handler stops a little before the edge does, so that the two never disagree. */
const MARGIN_MS = 2_000

export interface CommandsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  readonly agreement: Agreement
  readonly readModel: ReadModel
  readonly room: LogRoom
}

export interface Asked {
  /** `<aggregate>.<verb>`. */
  readonly type: string
  /** Decided once, however often it is asked. */
  readonly id: string
  /** `Nats-Msg-Id` where the same command may be asked again before the log has forgotten it. */
  readonly messageId?: string
  /** What it is about. */
  readonly subject: string
  readonly data: object
  /** What edges know by heart of it: all of them know the change before it is answered. */
  readonly known?: Known
  /** Whoever asks for it waits for the read model: the answer need not. */
  readonly isAskedFor?: true
  /** How long it may take to decide, where that is more than `DECIDE_WITHIN_MS`. */
  readonly withinMs?: number | undefined
  /** Whoever asks waits no longer than this, however long it may take. */
  readonly untilMs?: number | undefined
}

/** Resolves when the change is decided, stored, and visible to whoever asks next. */
export type SendCommand = <Data>(asked: Asked, cause: Cause) => Promise<DecidedReply<Data>>

export function createCommands(options: CommandsOptions): SendCommand {
  const { bus, payloads, appender, agreement, readModel, room } = options

  return async <Data>(asked: Asked, cause: Cause) => {
    const { type, id, messageId = id, subject: about, data, known } = asked
    const { withinMs = DECIDE_WITHIN_MS, untilMs = Infinity } = asked
    room.require()
    const now = Date.now()
    if (untilMs <= now) throw new Problem('TIMEOUT', 'The time to answer has passed.')
    const decideBy = Math.min(untilMs, now + withinMs - MARGIN_MS)
    const deadline = new Date(decideBy).toISOString()
    const said = { source: 'sluice/edge', time: new Date(now).toISOString(), cause }
    const command = envelope(said, { id, type, subject: about, data: { ...data, deadline } })
    const subject = subjects.command(type)
    const { payload, headers = [] } = await stored(payloads.seal(command, 'as-long-as-the-log'))
    const { inbox, reply } = bus.rpc.expect(subject, withinMs)
    const asking = [...headers, [REPLY_HEADER, inbox] as const]
    await stored(appender.append({ subject, id: messageId, payload, headers: asking }))
    const decision = await decided<Data>(reply)
    const { seq } = decision
    await Promise.all([
      known === undefined ? undefined : agreement.settled(known, seq),
      asked.isAskedFor === true ? undefined : readModel.applied(seq),
    ])
    return decision
  }
}

/** Translates what the log says no to. */
export async function stored<T>(storing: Promise<T> | T): Promise<T> {
  try {
    return await storing
  } catch (error) {
    if (!(error instanceof AppendError)) throw error
    const message = error.code === 'STREAM_FULL' ? 'The log is full.' : 'The log is out of reach.'
    throw new Problem('UNAVAILABLE', message, undefined, { cause: error })
  }
}

async function decided<Data>(reply: Promise<{ json<T>(): T }>): Promise<DecidedReply<Data>> {
  let answer: CommandReply<Data>
  try {
    answer = (await reply).json<CommandReply<Data>>()
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    throw new Problem('UNAVAILABLE', 'No handler decided the command in time.', undefined, {
      cause: error,
    })
  }
  if ('problem' in answer) {
    const { code, message, details } = answer.problem
    throw new Problem(code as ProblemCode, message, details)
  }
  return answer
}
