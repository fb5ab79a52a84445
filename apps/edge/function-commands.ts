/**
 * Sends a function command to a handler and waits for its decision.
 *
 * Invariant: a command carries the moment after which nobody waits for it; a handler that reads it
 * later does not act. So an answer of 503 means that nothing was or will be done, unless the handler
 * was cut off in the very act.
 */
import { randomUUID } from 'node:crypto'
import { Problem, type ProblemCode } from '#domain/problem.ts'
import { envelope, type Cause } from '#events/envelope.ts'
import {
  functionMessageId,
  type FunctionCommand,
  type FunctionRegistered,
  type FunctionUpdated,
  type FunctionVersion,
} from '#events/functions.ts'
import { AppendError, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import { RpcError } from '#events/jetstream/rpc.ts'
import { REPLY_HEADER, type FailureReply, type FunctionReply } from '#events/replies.ts'
import { subjects, type FunctionVerb } from '#events/subjects.ts'
import type { Agreement } from './agreement.ts'
import type { LogRoom } from './log-room.ts'
import type { ReadModel } from './read-model.ts'

const DECIDE_WITHIN_MS = 12_000
/** The handler stops a little before the edge does, so that the two never disagree. */
const MARGIN_MS = 2_000

export interface FunctionCommandsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  readonly agreement: Agreement
  readonly readModel: ReadModel
  readonly room: LogRoom
}

type DataOf<Command extends FunctionCommand> = Omit<Command['data'], 'deadline'>

type Decided = Exclude<FunctionReply, FailureReply>

/** Resolves when the change is decided, stored, and visible to whoever asks next. */
export type SendFunctionCommand = <Command extends FunctionCommand>(
  type: Command['type'],
  data: DataOf<Command>,
  cause: Cause,
) => Promise<FunctionVersion | undefined>

export function createFunctionCommands(options: FunctionCommandsOptions): SendFunctionCommand {
  const { bus, payloads, appender, agreement, readModel, room } = options

  const versionAt = async (seq: number): Promise<FunctionVersion | undefined> => {
    const recorded = await readEvent<FunctionRegistered | FunctionUpdated>(bus, payloads, { seq })
    return recorded?.event.data
  }

  return async (type, data, cause) => {
    room.require()
    const verb = type.slice('function.'.length) as FunctionVerb
    const now = Date.now()
    const deadline = new Date(now + DECIDE_WITHIN_MS - MARGIN_MS).toISOString()
    const command = envelope(
      { source: 'sluice/edge', time: new Date(now).toISOString(), cause },
      {
        id: functionMessageId.command(verb, randomUUID()),
        type,
        subject: String(data.function_id),
        data: { ...data, deadline },
      },
    )
    const subject = subjects.functionCommand(verb)
    const { payload, headers = [] } = await stored(payloads.seal(command, 'as-long-as-the-log'))
    const { inbox, reply } = bus.rpc.expect(subject, DECIDE_WITHIN_MS)
    await stored(
      appender.append({
        subject,
        id: command.id,
        payload,
        headers: [...headers, [REPLY_HEADER, inbox]],
      }),
    )
    const { seq, function: version } = await decided(reply)
    await Promise.all([agreement.settled(seq), readModel.applied(seq)])
    // A large definition is no part of the reply; its event is the last one of the decision.
    return version ?? (type === 'function.delete' ? undefined : versionAt(seq))
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

async function decided(reply: Promise<{ json<T>(): T }>): Promise<Decided> {
  let answer: FunctionReply
  try {
    answer = (await reply).json<FunctionReply>()
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
