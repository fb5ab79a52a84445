/**
 * Commands that a handler decides: decode → guard → act → settle. What is asked and what becomes of
 * it, each aggregate knows (`function-commands.ts` and its neighbours).
 *
 * Invariants:
 * 1. A command past its deadline is not acted on: whoever sent it was told that it failed.
 * 2. Every command is answered once it is decided; what could not be decided for want of a server
 *    is delivered again. What nobody can read is buried.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { Problem } from '#domain/problem.ts'
import type { Envelope } from '#events/envelope.ts'
import { AppendError, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { buryMessage } from '#events/jetstream/dead.ts'
import { isUnreadable, type Payloads } from '#events/jetstream/payloads.ts'
import {
  REPLY_BYTES_MAX,
  REPLY_HEADER,
  type CommandReply,
  type DecidedReply,
} from '#events/replies.ts'
import type { Log } from '#runtime/log.ts'

const REDELIVER_AFTER_MS = 500
export const SOURCE = 'sluice/handler'

export interface CommandData {
  /** ISO 8601. Nobody waits any longer: whoever reads the command later must not act on it. */
  readonly deadline: string
}
export type Command = Envelope<string, CommandData>

/** One kind of thing that commands are about. */
export interface Aggregate<Asked extends Command = Command> {
  /** As much as it takes to decide; what the command says was checked by whoever sent it. */
  isCommand(command: Command): command is Asked
  /**
   * Decides and appends, `again` if the command was delivered before. Throws a `Problem` for what
   * may not be; a conflict with somebody faster is decided anew, not thrown.
   */
  act(command: Asked, again: boolean): Promise<DecidedReply>
}

export interface CommandsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  /** By the first part of a command's type: `function` decides `function.register`. */
  readonly aggregates: Readonly<Record<string, Aggregate>>
  readonly log: Log
}

/** Settles one message; never rejects. */
export type HandleMessage = (message: JsMsg) => Promise<void>

export function createCommands(options: CommandsOptions): HandleMessage {
  const { bus, payloads, aggregates, log } = options

  return async (message) => {
    try {
      const command = await payloads.open<Command>(message)
      const aggregate = aggregateOf(command, aggregates)
      if (aggregate === undefined) throw new SyntaxError('it is no command')
      const { type, subject, correlationid: correlationId } = command
      if (Date.parse(command.data.deadline) < Date.now()) {
        log.warn('command_expired', { type, subject, correlationId })
      } else {
        const reply = await decided(aggregate, command, message.redelivered)
        log.info('command_decided', {
          type,
          subject,
          correlationId,
          ...('problem' in reply && reply),
        })
        answer(bus, message, reply)
      }
      message.ack()
    } catch (error) {
      if (isUnreadable(error) && (await giveUp(message, error, options))) return
      log.error('command_failed', { subject: message.subject, seq: message.seq, error })
      message.nak(REDELIVER_AFTER_MS)
    }
  }
}

function aggregateOf(
  command: Command | null,
  aggregates: CommandsOptions['aggregates'],
): Aggregate | undefined {
  const { type, data } = command ?? {}
  if (command === null || typeof type !== 'string') return undefined
  if (typeof data !== 'object' || data === null) return undefined
  const name = type.slice(0, type.indexOf('.'))
  const aggregate = Object.hasOwn(aggregates, name) ? aggregates[name] : undefined
  return aggregate?.isCommand(command) === true ? aggregate : undefined
}

async function decided(
  aggregate: Aggregate,
  command: Command,
  again: boolean,
): Promise<CommandReply> {
  try {
    return await aggregate.act(command, again)
  } catch (error) {
    if (error instanceof Problem) return { problem: error.data }
    if (error instanceof AppendError && error.code === 'STREAM_FULL') {
      return { problem: new Problem('UNAVAILABLE', 'The event log is full.').data }
    }
    throw error
  }
}

/** Tells whether that was possible. */
async function giveUp(
  message: JsMsg,
  { message: reason }: Error,
  { bus, appender, log }: CommandsOptions,
): Promise<boolean> {
  const { subject, seq } = message
  const id = `${message.info.stream}:${seq}:handler:dead`
  const saying = { source: SOURCE, time: new Date().toISOString() }
  try {
    await buryMessage(appender, message, reason, { ...saying, id, code: 'UNREADABLE' })
  } catch (error) {
    log.warn('not_buried', { subject, seq, error })
    return false
  }
  log.error('command_unreadable', { subject, seq, reason })
  answer(bus, message, { problem: new Problem('INTERNAL', 'The command is unreadable.').data })
  message.term('UNREADABLE')
  return true
}

function answer(bus: Bus, message: JsMsg, reply: CommandReply): void {
  const inbox = message.headers?.get(REPLY_HEADER)
  if (inbox === undefined || inbox === '') return
  const body = JSON.stringify(reply)
  const small = Buffer.byteLength(body) <= REPLY_BYTES_MAX || !('seq' in reply)
  bus.nc.publish(inbox, small ? body : JSON.stringify({ seq: reply.seq }))
}
