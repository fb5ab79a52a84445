/**
 * What is asked of functions, decided: load → decide → check the source → append.
 *
 * Invariants:
 * 1. A conflict means that somebody else was faster: reload, decide again.
 * 2. The durable of a function exists before its first event, so no run command can be lost; it has
 *    the concurrency of the newest version before that is answered.
 * 3. A command is decided once. One that comes again is looked up among what has been decided since
 *    it was sent: others may have changed the function in between.
 */
import { decideFunction, functionState, nameHolder } from '#domain/function.ts'
import { causedBy } from '#events/envelope.ts'
import type {
  FunctionCommand,
  FunctionEvent,
  FunctionNameEvent,
  FunctionVersion,
} from '#events/functions.ts'
import { AppendError } from '#events/jetstream/append.ts'
import type { DecidedReply } from '#events/replies.ts'
import type { Durables } from './durables.ts'
import { SOURCE, type Aggregate, type Command } from './commands.ts'
import type { FunctionStore, Newest } from './function-store.ts'
import type { CheckSourceOf } from './source-check.ts'

export interface FunctionCommandsOptions {
  readonly store: FunctionStore
  readonly checkSource: CheckSourceOf
  readonly ensureDurable: Durables['ensure']
}

export function functionCommands(options: FunctionCommandsOptions): Aggregate<FunctionCommand> {
  return { isCommand: isFunctionCommand, act: (command, again) => act(command, again, options) }
}

function isFunctionCommand(command: Command): command is FunctionCommand {
  const { data } = command as FunctionCommand
  if (typeof data.function_id !== 'number') return false
  switch (command.type) {
    case 'function.register':
      return 'definition' in data && typeof data.definition === 'object'
    case 'function.update':
      return 'changes' in data && typeof data.changes === 'object'
    case 'function.delete':
      return true
    default:
      return false
  }
}

async function act(
  command: FunctionCommand,
  again: boolean,
  { store, checkSource, ensureDurable }: FunctionCommandsOptions,
): Promise<DecidedReply<FunctionVersion>> {
  let checked: string | undefined
  for (;;) {
    const { function_id, owner } = command.data
    const before = again ? await store.decidedBy(command) : undefined
    if (before !== undefined) {
      const decided = definedBy(before.event)
      if (decided !== undefined) await ensureDurable(function_id, decided)
      return replyOf(before.seq, before.event)
    }
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
    if (definition !== undefined) await ensureDurable(function_id, definition)
    try {
      const { seq } = await store.append(events, {
        functionSeq: newest.seq,
        nameSeq: (name) => names.get(name)?.seq ?? 0,
      })
      const decided = events.find(isFunctionEvent)
      const now = definedBy(decided)
      if (now !== undefined && now.concurrency !== definedBy(newest.event)?.concurrency) {
        await ensureDurable(function_id, now)
      }
      return replyOf(seq, decided)
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
  return definedBy(events.find(isFunctionEvent))
}

const definedBy = (event: FunctionEvent | undefined) =>
  event === undefined || event.type === 'function.deleted' ? undefined : event.data.definition

const isFunctionEvent = (event: FunctionEvent | FunctionNameEvent): event is FunctionEvent =>
  event.type !== 'function-name.claimed' && event.type !== 'function-name.released'

function replyOf(seq: number, event: FunctionEvent | undefined): DecidedReply<FunctionVersion> {
  const current: FunctionVersion | undefined =
    event === undefined || event.type === 'function.deleted' ? undefined : event.data
  return { seq, ...(current && { data: current }) }
}
