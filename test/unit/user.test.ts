import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Problem } from '#domain/problem.ts'
import { decideUser } from '#domain/user.ts'
import { envelope } from '#events/envelope.ts'
import type { UserChanges, UserCommand, UserEvent } from '#events/users.ts'

const said = { source: 'test', time: '2026-01-01T00:00:00.000Z' }
const later = { source: 'test', time: '2026-01-02T00:00:00.000Z' }
const cause = { correlationid: 'request-1' }
const username = 'ada@example.com'
const about = { username, deadline: said.time }
const asked = <Data>(type: UserCommand['type'], id: string, data: Data) =>
  envelope({ ...said, cause }, { id, type, subject: username, data }) as unknown as UserCommand

const create = (id = 'command-1') =>
  asked('user.create', id, { ...about, owner: 'ada', scopes: ['jobs:read'], password_hash: 'h1' })
const change = (changes: UserChanges, id = 'command-2') =>
  asked('user.change', id, { ...about, changes })
const remove = (id = 'command-3') => asked('user.delete', id, about)

const decided = (command: UserCommand, newest?: UserEvent, when = said) => {
  const event = decideUser(command, newest, when)
  assert.ok(event)
  return event
}
const refused = (code: string) => (error: unknown) =>
  error instanceof Problem && error.code === code

describe('given nobody', () => {
  it('a user is created whole, as version 1', () => {
    const { type, id, causationid, data } = decided(create())
    assert.deepEqual([type, id, causationid], ['user.created', `user:${username}:v1`, 'command-1'])
    assert.deepEqual(data, {
      username,
      owner: 'ada',
      scopes: ['jobs:read'],
      password_hash: 'h1',
      version: 1,
      created_at: said.time,
      updated_at: said.time,
    })
  })

  it('there is nobody to change or delete', () => {
    assert.throws(() => decideUser(change({}), undefined, said), refused('NOT_FOUND'))
    assert.throws(() => decideUser(remove(), undefined, said), refused('NOT_FOUND'))
  })
})

describe('given a user', () => {
  const created = decided(create())

  it('the name is taken', () => {
    assert.throws(() => decideUser(create('command-9'), created, said), refused('NAME_TAKEN'))
  })

  it('a change leaves alone what it does not name', () => {
    const { type, data } = decided(change({ scopes: [] }), created, later)
    assert.equal(type, 'user.changed')
    assert.deepEqual(data, { ...created.data, scopes: [], version: 2, updated_at: later.time })
    const { data: other } = decided(change({ password_hash: 'h2' }), created, later)
    assert.deepEqual(other, {
      ...created.data,
      password_hash: 'h2',
      version: 2,
      updated_at: later.time,
    })
  })

  it('a command that comes again decides nothing', () => {
    assert.equal(decideUser(create(), created, later), undefined)
  })

  it('a deletion says nothing of the password', () => {
    const { type, data } = decided(remove(), created, later)
    assert.equal(type, 'user.deleted')
    assert.deepEqual(data, { username, owner: 'ada', version: 2, deleted_at: later.time })
  })
})

describe('given a deleted user', () => {
  const deleted = decided(remove(), decided(create()), later)

  it('the name is free, and versions go on', () => {
    const { type, id, data } = decided(create('command-9'), deleted)
    assert.deepEqual([type, id, data.version], ['user.created', `user:${username}:v3`, 3])
  })

  it('there is nobody to change or delete', () => {
    assert.throws(() => decideUser(change({}), deleted, said), refused('NOT_FOUND'))
    assert.throws(() => decideUser(remove('command-9'), deleted, said), refused('NOT_FOUND'))
  })
})
