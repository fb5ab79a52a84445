/**
 * Function commands: decode → guard → act → settle.
 *
 * Invariants:
 * 1. A command past its deadline is not acted on: whoever sent it was told that it failed.
 * 2. A conflict means that somebody else was faster: reload, decide again.
 * 3. The durable of a function exists before its first event, so no run command can be lost.
 * 4. Every command is answered once it is decided; what could not be decided for want of a server
 *    is delivered again. What nobody can read is buried.
 * 5. A command is decided once. One that comes again is looked up among what has been decided since
 *    it was sent: others may have changed the function in between.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { decideFunction, functionState, nameHolder } from '#domain/function.ts'
import { Problem } from '#domain/problem.ts'
import { causedBy } from '#events/envelope.ts'
import type {
  FunctionCommand,
  FunctionEvent,
  FunctionNameEvent,
  FunctionVersion,
  Runtime,
} from '#events/functions.ts'
import { AppendError, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { buryMessage } from '#events/jetstream/dead.ts'
import { isUnreadable, type Payloads } from '#events/jetstream/payloads.ts'
import { REPLY_BYTES_MAX, REPLY_HEADER, type FunctionReply } from '#events/replies.ts'
import type { Log } from '#runtime/log.ts'
import type { FunctionStore, Newest } from './function-store.ts'
import type { CheckSourceOf } from './source-check.ts'

const REDELIVER_AFTER_MS = 500
const SOURCE = 'sluice/handler'

export interface FunctionCommandsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  readonly store: FunctionStore
  readonly checkSource: CheckSourceOf
  readonly ensureDurable: (functionId: number, runtime: Runtime) => Promise<void>
  readonly log: Log
}

/** Settles one message; never rejects. */
export type HandleMessage = (message: JsMsg) => Promise<void>

export function createFunctionCommands(options: FunctionCommandsOptions): HandleMessage {
  const { bus, payloads, log } = options

  return async (message) => {
    try {
      const command = await payloads.open<FunctionCommand>(message)
      if (!isFunctionCommand(command)) throw new SyntaxError('it is no function command')
      const about = {
        functionId: command.data.function_id,
        correlationId: command.correlationid,
        type: command.type,
      }
      if (Date.parse(command.data.deadline) < Date.now()) {
        log.warn('command_expired', about)
      } else {
        const reply = await decided(command, message.redelivered, options)
        log.info('command_decided', { ...about, ...('problem' in reply && reply) })
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

/** Tells whether that was possible. */
async function giveUp(
  message: JsMsg,
  { message: reason }: Error,
  { bus, appender, log }: FunctionCommandsOptions,
): Promise<boolean> {
  const { subject, seq } = message
  const id = `${message.info.stream}:${seq}:handler:dead`
  const saying = { source: SOURCE, time: new Date().toISOString() }
  try {
    await buryMessage(appender, message, reason, { ...saying, id })
  } catch (error) {
    log.warn('not_buried', { subject, seq, error })
    return false
  }
  log.error('command_unreadable', { subject, seq, reason })
  answer(bus, message, { problem: new Problem('INTERNAL', 'The command is unreadable.').data })
  message.term('UNREADABLE')
  return true
}

/** As much as it takes to decide; what it says was checked by whoever sent it. */
function isFunctionCommand(command: FunctionCommand | null): command is FunctionCommand {
  const { type, data } = command ?? {}
  if (typeof data !== 'object' || typeof data.function_id !== 'number') return false
  switch (type) {
    case 'function.register':
      return 'definition' in data && typeof data.definition === 'object'
    case 'function.update':
      return 'changes' in data && typeof data.changes === 'object'
    case 'function.delete':
      return true
    case undefined:
    default:
      return false
  }
}

async function decided(
  command: FunctionCommand,
  again: boolean,
  options: FunctionCommandsOptions,
): Promise<FunctionReply> {
  try {
    return await act(command, again, options)
  } catch (error) {
    if (error instanceof Problem) return { problem: error.data }
    if (error instanceof AppendError && error.code === 'STREAM_FULL') {
      return { problem: new Problem('UNAVAILABLE', 'The event log is full.').data }
    }
    throw error
  }
}

async function act(
  command: FunctionCommand,
  again: boolean,
  { store, checkSource, ensureDurable }: FunctionCommandsOptions,
): Promise<FunctionReply> {
  let checked: string | undefined
  for (;;) {
    const { function_id, owner } = command.data
    const before = again ? await store.decidedBy(command) : undefined
    if (before !== undefined) return replyOf(before.seq, before.event)
    const newest = await store.loadFunction(function_id)
    const state = functionState(newest.event)
    const names = new Map<string, Newest<FunctionNameEvent>>()
    for (const name of namesIn(command, newest.event)) {
      names.set(name, await store.loadName(owner, name))
    }
    const holder = (name: string) => nameHolder(names.get(name)?.event)
    const saying = { source: SOURCE, time: new Date().toISOString() }
    const events = decideFunction(command, state, holder, saying)
    if (events.length === 0) return replyOf(newest.seq, newest.event)

    const definition = newDefinition(command, events)
    const source = definition && JSON.stringify([definition.runtime, definition.code])
    if (definition !== undefined && source !== checked) {
      await checkSource(definition, `check:${command.id}`, causedBy(command))
      checked = source
    }
    if (definition !== undefined) await ensureDurable(function_id, definition.runtime)
    try {
      const { seq } = await store.append(events, {
        functionSeq: newest.seq,
        nameSeq: (name) => names.get(name)?.seq ?? 0,
      })
      return replyOf(seq, events.find(isFunctionEvent))
    } catch (error) {
      if (!(error instanceof AppendError) || error.code !== 'CONFLICT') throw error
    }
  }
}

/** The names that a decision may claim or release. */
function namesIn(command: FunctionCommand, newest: FunctionEvent | undefined): Set<string> {
  const names = new Set<string>()
  if (newest !== undefined && newest.type !== 'function.deleted') {
    names.add(newest.data.definition.name)
  }
  if (command.type === 'function.register') names.add(command.data.definition.name)
  if (command.type === 'function.update' && typeof command.data.changes.name === 'string') {
    names.add(command.data.changes.name)
  }
  return names
}

/** The definition whose source has to be checked, if the command brings new source. */
function newDefinition(
  command: FunctionCommand,
  events: readonly (FunctionEvent | FunctionNameEvent)[],
) {
  const brings =
    command.type === 'function.register' ||
    (command.type === 'function.update' &&
      (typeof command.data.changes.code === 'string' ||
        typeof command.data.changes.runtime === 'string'))
  if (!brings) return undefined
  const event = events.find(isFunctionEvent)
  return event === undefined || event.type === 'function.deleted'
    ? undefined
    : event.data.definition
}

const isFunctionEvent = (event: FunctionEvent | FunctionNameEvent): event is FunctionEvent =>
  event.type !== 'function-name.claimed' && event.type !== 'function-name.released'

function replyOf(seq: number, event: FunctionEvent | undefined): FunctionReply {
  const current: FunctionVersion | undefined =
    event === undefined || event.type === 'function.deleted' ? undefined : event.data
  return { seq, ...(current && { function: current }) }
}

function answer(bus: Bus, message: JsMsg, reply: FunctionReply): void {
  const inbox = message.headers?.get(REPLY_HEADER)
  if (inbox === undefined || inbox === '') return
  const body = JSON.stringify(reply)
  const small = Buffer.byteLength(body) <= REPLY_BYTES_MAX || !('seq' in reply)
  bus.nc.publish(inbox, small ? body : JSON.stringify({ seq: reply.seq }))
}
