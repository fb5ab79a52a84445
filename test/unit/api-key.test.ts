import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decideApiKey } from '#domain/api-key.ts'
import { Problem } from '#domain/problem.ts'
import type { ApiKeyCommand, ApiKeyEvent } from '#events/api-keys.ts'
import { envelope } from '#events/envelope.ts'
import { hashSecret, newKey, parseKey } from '../../apps/edge/access/key-format.ts'

const said = { source: 'test', time: '2026-01-01T00:00:00.000Z' }
const input = {
  key_id: 'abc',
  owner: 'ada',
  username: 'ada',
  name: 'ci',
  scopes: ['jobs:read'],
  last_four: '1234',
  secret_hash: 'hash',
  expires_at: null,
}
const asked = <Data>(type: ApiKeyCommand['type'], id: string, data: Data) =>
  envelope(
    { ...said, cause: { correlationid: 'request-1' } },
    { id, type, subject: 'abc', data: { ...data, deadline: said.time } },
  ) as unknown as ApiKeyCommand
const create = (id = 'command-1') => asked('key.create', id, input)
const revoke = (owner = 'ada', id = 'command-2') =>
  asked('key.revoke', id, { key_id: 'abc', owner })
const decided = (command: ApiKeyCommand, newest?: ApiKeyEvent) => {
  const event = decideApiKey(command, newest, said)
  assert.ok(event)
  return event
}
const refused = (code: string) => (error: unknown) =>
  error instanceof Problem && error.code === code

describe('a key', () => {
  const created = decided(create())
  const revoked = decided(revoke(), created)

  it('is made whole, and only once', () => {
    assert.equal(created.type, 'key.created')
    assert.deepEqual(created.data, { ...input, created_at: said.time })
    assert.equal(decideApiKey(create(), created, said), undefined)
    assert.throws(() => decideApiKey(create('other'), created, said), refused('CONFLICT'))
  })

  it('is revoked once, however often it is asked', () => {
    assert.deepEqual(revoked.data, { key_id: 'abc', owner: 'ada', revoked_at: said.time })
    assert.equal(decideApiKey(revoke('ada', 'again'), revoked, said), undefined)
  })

  it('is nobody else’s, dead or alive', () => {
    for (const newest of [undefined, created, revoked]) {
      assert.throws(
        () => decideApiKey(revoke('bob', 'command-3'), newest, said),
        refused('NOT_FOUND'),
      )
    }
  })
})

describe('the format of a key', () => {
  const { key, id, secret } = newKey()

  it('is a prefix, an id, 256 random bits and a checksum', () => {
    assert.match(key, /^sluice_[0-9A-Za-z]{12}_[-\w]{43}_[0-9A-Za-z]{6}$/)
    assert.deepEqual(parseKey(key), { id, secret })
    assert.equal(Buffer.from(secret, 'base64url').length, 32)
  })

  it('tells every single wrong character', () => {
    for (let place = 0; place < key.length; place++) {
      const wrong = key[place] === 'x' ? 'y' : 'x'
      assert.equal(parseKey(`${key.slice(0, place)}${wrong}${key.slice(place + 1)}`), undefined)
    }
  })

  it('takes nothing before, behind or beside it', () => {
    for (const odd of [
      '',
      'sluice',
      ` ${key}`,
      `${key}\n`,
      key.slice(0, -1),
      `${key}0`,
      key + key,
    ]) {
      assert.equal(parseKey(odd), undefined)
    }
  })

  it('never gives the same key twice', () => {
    const many = Array.from({ length: 1_000 }, () => newKey())
    assert.equal(new Set(many.map((one) => one.id)).size, 1_000)
    assert.equal(new Set(many.map((one) => one.secret)).size, 1_000)
  })

  it('hashes a secret by the pepper', () => {
    assert.deepEqual(hashSecret(secret, 'pepper'), hashSecret(secret, 'pepper'))
    assert.notDeepEqual(hashSecret(secret, 'pepper'), hashSecret(secret, 'other'))
    assert.equal(hashSecret(secret, 'pepper').length, 32)
  })
})
