/**
 * Decisions about functions: `(command, state) → events`, or a named problem.
 *
 * Invariants:
 * 1. A version is immutable: whatever changes a definition makes the next one.
 * 2. A name belongs to at most one living function of an owner. It is an aggregate of its own, so
 *    the claim and the definition are appended together or not at all.
 * 3. The function's own event comes last: whoever has seen it has seen all of the decision.
 * 4. A command that was already decided decides nothing: its own events name it as their cause.
 */
import { causedBy, envelope, type Said } from '#events/envelope.ts'
import {
  functionMessageId,
  MEMORY_MB_DEFAULT,
  TIMEOUT_MS_DEFAULT,
  type Definition,
  type DeleteFunction,
  type FunctionCommand,
  type FunctionEvent,
  type FunctionInput,
  type FunctionNameEvent,
  type FunctionVersion,
  type NullableChanges,
  type RegisterFunction,
  type UpdateFunction,
} from '#events/functions.ts'
import { Problem } from './problem.ts'

export type FunctionState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'living'; readonly current: FunctionVersion; readonly decidedBy?: string }
  | { readonly kind: 'deleted'; readonly decidedBy?: string }

/** Who holds a name; undefined: nobody. */
export type NameHolder = number | undefined

/** Reads the holders of those names that the decision may touch. */
export type NamesOf = (name: string) => NameHolder

export type Decided = readonly (FunctionEvent | FunctionNameEvent)[]

/** The newest event is the state, since each carries the definition whole. */
export function functionState(newest: FunctionEvent | undefined): FunctionState {
  if (newest === undefined) return { kind: 'absent' }
  const decidedBy = newest.causationid !== undefined && { decidedBy: newest.causationid }
  switch (newest.type) {
    case 'function.registered':
    case 'function.updated':
      return { kind: 'living', current: newest.data, ...decidedBy }
    case 'function.deleted':
      return { kind: 'deleted', ...decidedBy }
  }
}

export function nameHolder(newest: FunctionNameEvent | undefined): NameHolder {
  return newest?.type === 'function-name.claimed' ? newest.data.function_id : undefined
}

export function decideFunction(
  command: FunctionCommand,
  state: FunctionState,
  names: NamesOf,
  said: Pick<Said, 'source' | 'time'>,
): Decided {
  if (state.kind !== 'absent' && state.decidedBy === command.id) return []
  const saying = { ...said, cause: causedBy(command) }
  switch (command.type) {
    case 'function.register':
      return register(command, state, names, saying)
    case 'function.update':
      return update(command, state, names, saying)
    case 'function.delete':
      return remove(command, state, saying)
  }
}

function register(
  { data }: RegisterFunction,
  state: FunctionState,
  names: NamesOf,
  said: Said,
): Decided {
  const { function_id, owner, definition } = data
  if (state.kind !== 'absent') {
    throw new Problem('INTERNAL', `function id ${function_id} was given out twice`)
  }
  const version: FunctionVersion = {
    function_id,
    owner,
    version: 1,
    definition: complete(definition),
    created_at: said.time,
    updated_at: said.time,
    ...(definition.schedule !== undefined && { scheduled_since: said.time }),
  }
  const id = functionMessageId.version(function_id, 1)
  const subject = String(function_id)
  return [
    claim(version, names, said),
    envelope(said, { id, type: 'function.registered', subject, data: version }),
  ]
}

function update(
  { data }: UpdateFunction,
  state: FunctionState,
  names: NamesOf,
  said: Said,
): Decided {
  const { current } = living(state, data)
  const definition = complete(changed(current.definition, data.changes))
  const isRescheduled = !isSame(definition.schedule, current.definition.schedule)
  const version: FunctionVersion = {
    ...current,
    version: current.version + 1,
    definition,
    updated_at: said.time,
    ...(isRescheduled && { scheduled_since: said.time }),
  }
  const id = functionMessageId.version(current.function_id, version.version)
  const subject = String(current.function_id)
  const updated = envelope(said, { id, type: 'function.updated', subject, data: version })
  if (version.definition.name === current.definition.name) return [updated]
  return [claim(version, names, said), release(current, version.version, said), updated]
}

function remove({ data }: DeleteFunction, state: FunctionState, said: Said): Decided {
  const { current } = living(state, data)
  const { function_id, owner, version, definition } = current
  const deleted = envelope(said, {
    id: functionMessageId.deleted(function_id),
    type: 'function.deleted',
    subject: String(function_id),
    data: {
      function_id,
      owner,
      version,
      name: definition.name,
      runtime: definition.runtime,
      deleted_at: said.time,
    },
  })
  return [release(current, version + 1, said), deleted]
}

/** Another owner's function is as unknown as one that never was. */
function living(state: FunctionState, asked: { function_id: number; owner: string }) {
  if (state.kind === 'living' && state.current.owner === asked.owner) return state
  throw functionNotFound(asked.function_id)
}

export function functionNotFound(functionId: number | string): Problem {
  return new Problem('NOT_FOUND', `There is no function ${functionId}.`, { field: 'function_id' })
}

function claim(version: FunctionVersion, names: NamesOf, said: Said) {
  const { function_id, owner, definition } = version
  const { name } = definition
  const holder = names(name)
  if (holder !== undefined && holder !== function_id) {
    throw new Problem('NAME_TAKEN', `The name ${JSON.stringify(name)} is taken.`, {
      field: 'name',
      function_id: holder,
    })
  }
  return envelope(said, {
    id: functionMessageId.claimed(function_id, version.version),
    type: 'function-name.claimed' as const,
    subject: `${owner}/${name}`,
    data: { owner, name, function_id },
  })
}

function release(current: FunctionVersion, version: number, said: Said) {
  const { function_id, owner, definition } = current
  const { name } = definition
  return envelope(said, {
    id: functionMessageId.released(function_id, version),
    type: 'function-name.released' as const,
    subject: `${owner}/${name}`,
    data: { owner, name, function_id },
  })
}

/** `null` takes an optional field away; a required one stays as it is. */
function changed(definition: Definition, changes: NullableChanges): FunctionInput {
  const { name, runtime, code, execution_type, ...optional } = changes
  const merged: Record<string, unknown> = { ...definition }
  for (const [key, value] of Object.entries({ name, runtime, code, execution_type })) {
    if (value !== undefined && value !== null) merged[key] = value
  }
  for (const [key, value] of Object.entries(optional)) {
    if (value === null) delete merged[key]
    else if (value !== undefined) merged[key] = value
  }
  return merged as unknown as FunctionInput
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

function complete(input: FunctionInput): Definition {
  const { timeout_ms = TIMEOUT_MS_DEFAULT, memory_mb = MEMORY_MB_DEFAULT } = input
  return { ...input, timeout_ms, memory_mb }
}
