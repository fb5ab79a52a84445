import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decideFunction, functionState, nameHolder, type FunctionState } from '#domain/function.ts'
import { Problem } from '#domain/problem.ts'
import { envelope } from '#events/envelope.ts'
import type {
  FunctionCommand,
  FunctionEvent,
  FunctionInput,
  NullableChanges,
} from '#events/functions.ts'

const said = { source: 'test', time: '2026-01-01T00:00:00.000Z' }
const cause = { correlationid: 'request-1' }
const definition: FunctionInput = {
  name: 'greet',
  runtime: 'python',
  code: 'def handler(event): return event',
  execution_type: 'sync',
}
const free = () => undefined
const absent: FunctionState = { kind: 'absent' }
const deadline = said.time

const command = <Type extends FunctionCommand['type']>(
  type: Type,
  data: Omit<Extract<FunctionCommand, { type: Type }>['data'], 'deadline'>,
  id = 'command-1',
) =>
  envelope(
    { ...said, cause },
    { id, type, subject: String(data.function_id), data: { ...data, deadline } },
  ) as unknown as FunctionCommand

const register = (id?: string) =>
  command('function.register', { function_id: 7, owner: 'local', definition }, id)
const update = (changes: NullableChanges, owner = 'local') =>
  command('function.update', { function_id: 7, owner, changes }, 'command-2')
const remove = () => command('function.delete', { function_id: 7, owner: 'local' }, 'command-3')

function registered(): FunctionState {
  const events = decideFunction(register(), absent, free, said)
  return functionState(events.find((event): event is FunctionEvent => 'version' in event.data))
}

const types = (events: readonly { type: string }[]) => events.map(({ type }) => type)
const refused = (code: string) => (error: unknown) =>
  error instanceof Problem && error.code === code

describe('given nothing, when a function is registered', () => {
  it('claims the name and makes version 1, with every default filled in', () => {
    const events = decideFunction(register(), absent, free, said)
    assert.deepEqual(types(events), ['function-name.claimed', 'function.registered'])
    const state = registered()
    assert.equal(state.kind, 'living')
    assert.ok(state.kind === 'living')
    assert.equal(state.current.version, 1)
    assert.equal(state.current.definition.timeout_ms, 30_000)
    assert.equal(state.current.definition.memory_mb, 128)
  })

  it('refuses a name that another function holds', () => {
    assert.throws(() => decideFunction(register(), absent, () => 8, said), refused('NAME_TAKEN'))
  })

  it('carries the request and the command as causes of each event', () => {
    for (const event of decideFunction(register(), absent, free, said)) {
      assert.equal(event.correlationid, 'request-1')
      assert.equal(event.causationid, 'command-1')
    }
  })
})

describe('given a registered function', () => {
  it('a repeated command decides nothing', () => {
    assert.deepEqual(
      decideFunction(register(), registered(), () => 7, said),
      [],
    )
  })

  it('another registration under the same id is refused', () => {
    assert.throws(
      () => decideFunction(register('command-9'), registered(), free, said),
      refused('INTERNAL'),
    )
  })

  it('an update makes the next version and keeps what was not given', () => {
    const [event, ...none] = decideFunction(update({ code: 'x' }), registered(), () => 7, said)
    assert.equal(none.length, 0)
    assert.ok(event?.type === 'function.updated')
    assert.equal(event.data.version, 2)
    assert.equal(event.data.definition.code, 'x')
    assert.equal(event.data.definition.name, 'greet')
  })

  it('a new name is claimed and the old one released, before the function moves on', () => {
    const events = decideFunction(update({ name: 'hail' }), registered(), free, said)
    assert.deepEqual(types(events), [
      'function-name.claimed',
      'function-name.released',
      'function.updated',
    ])
  })

  it('null leaves a required field alone and takes an optional one away', () => {
    const changes = { name: null, timeout_ms: null, description: 'kept' }
    const [event] = decideFunction(update(changes), registered(), () => 7, said)
    assert.ok(event?.type === 'function.updated')
    assert.equal(event.data.definition.name, 'greet')
    assert.equal(event.data.definition.timeout_ms, 30_000)
    assert.equal(event.data.definition.description, 'kept')
  })

  it('another owner meets the same refusal as for an unknown id', () => {
    assert.throws(
      () => decideFunction(update({ code: 'x' }, 'somebody'), registered(), free, said),
      refused('NOT_FOUND'),
    )
  })

  it('deletion releases the name and ends the function', () => {
    const events = decideFunction(remove(), registered(), () => 7, said)
    assert.deepEqual(types(events), ['function-name.released', 'function.deleted'])
    const [released, deleted] = events
    assert.ok(released?.type === 'function-name.released')
    assert.equal(nameHolder(released), undefined)
    assert.ok(deleted?.type === 'function.deleted')
    const state = functionState(deleted)
    assert.throws(() => decideFunction(update({}), state, free, said), refused('NOT_FOUND'))
  })
})
