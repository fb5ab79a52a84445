/** API keys from their making to their end, on two edges. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase } from '#projections/database.ts'
import { newKey } from '../../apps/edge/access/key-format.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { startSecondEdge, type SecondEdge } from '../support/second-edge.ts'
import { until } from '../support/until.ts'
import { AccountsApi, PASSWORD, type KeyView, type NewKeyView } from './accounts-api.ts'

let platform: TestPlatform
let second: SecondEdge
let api: AccountsApi
let other: AccountsApi
let admin: AccountsApi
const secrets: string[] = []

before(async () => {
  const env = { AUTH: 'required', RATE_LIMITS: 'off' }
  platform = await startPlatform({ env })
  second = await startSecondEdge(platform, env)
  api = new AccountsApi(platform.url)
  other = new AccountsApi(second.url)
  admin = api.as(await api.token('admin', platform.credentials.ADMIN_PASSWORD))
})
after(async () => {
  assert.ok(platform.lines.every((line) => secrets.every((secret) => !line.includes(secret))))
  await second[Symbol.asyncDispose]()
  await platform.stop()
})

const PATH = '/api/v1/keys'
const READ = '/functions'

async function keyOf(maker: AccountsApi, scopes: readonly string[], more = {}) {
  const made = await maker.createKey(scopes, more)
  secrets.push(made.key)
  return made
}

/** The status of a read, with this key, on each edge. */
async function statuses(key: string): Promise<number[]> {
  const answers = await Promise.all([api.as(key).ask(READ), other.as(key).ask(READ)])
  return answers.map(({ status }) => status)
}

test('a key is shown once, works on every edge, and ends on all of them with its revocation', async () => {
  const { api: user } = await admin.newcomer(['keys:write', 'read:functions'])
  for (let round = 0; round < 10; round++) {
    const json = { name: 'ci', scopes: ['read:functions'] }
    const { status, headers, body } = await user.ask<NewKeyView>(PATH, { json })
    assert.equal(status, 201)
    assert.match(body.key, /^sluice_[0-9A-Za-z]{12}_[-\w]{43}_[0-9A-Za-z]{6}$/)
    assert.equal(headers.get('location'), `${PATH}/${body.id}`)
    assert.equal(headers.get('cache-control'), 'no-store')
    secrets.push(body.key)
    assert.deepEqual(await statuses(body.key), [200, 200])
    const shown = await api.ask(READ, { headers: { 'x-api-key': body.key } })
    assert.equal(shown.status, 200)

    const listed = await user.key(body.id)
    const { created_at, last_used_at, ...rest } = listed as KeyView
    assert.ok(Date.parse(created_at) <= Date.now())
    assert.ok(last_used_at === null || last_used_at >= created_at)
    assert.deepEqual(rest, {
      id: body.id,
      name: 'ci',
      scopes: ['read:functions'],
      last_four: body.key.slice(-4),
      expires_at: null,
      revoked_at: null,
      active: true,
    })
    assert.equal((await user.revoke(body.id)).status, 204)
    assert.deepEqual(await statuses(body.key), [401, 401])
    assert.equal((await user.revoke(body.id)).status, 204)
    const revoked = await user.key(body.id)
    assert.ok(revoked?.revoked_at)
    assert.equal(revoked.active, false)
  }
})

test('the database holds nothing that a key could be made of', async () => {
  const { key, id } = await keyOf(admin, ['jobs:read'])
  // It may hold underscores itself.
  const secret = /^sluice_\w{12}_(.{43})_\w{6}$/.exec(key)?.[1] ?? ''
  assert.notEqual(secret, '')
  await using database = openDatabase({ url: platform.databaseUrl, name: 'test' })
  const { rows } = await sql<{ row: string }>`
    select k::text as row from api_keys k where id = ${id}`.execute(database.db)
  assert.equal(rows.length, 1)
  assert.ok(rows.every(({ row }) => !row.includes(secret) && !row.includes('hash')))
})

test('a key has no more scopes than whoever makes it', async () => {
  const { api: user } = await admin.newcomer(['keys:write', 'execute:all'])
  const fine = await keyOf(user, ['execute:python', 'keys:write'])
  for (const scopes of [['admin'], ['execute:python', 'jobs:read']]) {
    const body = await user.get(403, PATH, { json: { name: 'more', scopes } })
    assert.equal(body.code, 'FORBIDDEN')
  }
  // Nor does a key that a key makes.
  const byKey = api.as(fine.key)
  await byKey.get(403, PATH, { json: { name: 'more', scopes: ['execute:all'] } })
  await keyOf(byKey, ['execute:python'])
  const without = await keyOf(user, ['execute:python'])
  await api.as(without.key).get(403, PATH, { json: { name: 'x', scopes: ['execute:python'] } })
})

test('a key is worth no more than its user still is, whoever gets the name later', async () => {
  const scopes = ['keys:write', 'read:functions']
  const { api: user, username } = await admin.newcomer(scopes)
  const { key, id } = await keyOf(user, scopes)
  const child = await keyOf(api.as(key), ['read:functions'])
  const path = `/api/v1/users/${username}`
  const patch = (given: readonly string[]) =>
    admin.get(200, path, { method: 'PATCH', json: { scopes: given } })
  await patch(['keys:write'])
  assert.deepEqual(await statuses(key), [403, 403])
  await api.as(key).get(200, PATH)
  await patch(scopes)
  assert.deepEqual(await statuses(key), [200, 200])
  await admin.get(204, path, { method: 'DELETE' })
  for (const dead of [key, child.key]) assert.deepEqual(await statuses(dead), [401, 401])
  await user.get(401, PATH, { json: { name: 'late', scopes: ['read:functions'] } })
  await admin.createUser(username, scopes)
  for (const dead of [key, child.key]) assert.deepEqual(await statuses(dead), [401, 401])
  // Nor is the token of whoever had the name before.
  await user.get(401, PATH)
  const again = api.as(await api.token(username, PASSWORD))
  assert.equal((await again.key(id))?.active, false)
  const fresh = await keyOf(again, ['read:functions'])
  assert.deepEqual(await statuses(fresh.key), [200, 200])
})

test('a key ends when it expires', async () => {
  const soon = new Date(Date.now() + 8_000).toISOString().replace('Z', '+00:00')
  const { key, id, expires_at } = await keyOf(admin, ['read:functions'], { expires_at: soon })
  assert.equal(expires_at, soon.replace('+00:00', 'Z'))
  assert.deepEqual(await statuses(key), [200, 200])
  await until(async () => (await statuses(key)).every((status) => status === 401))
  assert.ok(Date.now() >= Date.parse(soon))
  assert.equal((await admin.key(id))?.active, false)
})

test('another owner’s key is as unknown as one that never was', async () => {
  const one = await admin.newcomer(['keys:write', 'read:functions'])
  const stranger = await admin.newcomer(['keys:write', 'admin'])
  const { key, id } = await keyOf(one.api, ['read:functions'])
  const { body: foreign, status } = await stranger.api.revoke(id)
  const { body: unknown } = await stranger.api.revoke('0123456789ab')
  assert.equal(status, 404)
  assert.equal(foreign.code, unknown.code)
  assert.equal(foreign.detail.replace(id, ''), unknown.detail.replace('0123456789ab', ''))
  assert.deepEqual(await stranger.api.keys(), [])
  assert.deepEqual(await statuses(key), [200, 200])
  for (const odd of ['x.y', 'a%20b', '*', '%3E', 'x'.repeat(65)]) {
    assert.equal((await stranger.api.revoke(odd)).status, 404, odd)
  }
})

test('what is no key of ours is refused, and tells nobody why', async () => {
  const { key, id } = await keyOf(admin, ['read:functions'])
  const stranger = newKey().key
  const forged = `${key.slice(0, 20)}${stranger.slice(20)}`
  const answers = []
  for (const wrong of [stranger, forged, key.slice(0, -1), `${key}x`, key.toLowerCase(), id]) {
    const { status, body } = await api.as(wrong).ask(READ)
    assert.equal(status, 401, wrong)
    answers.push(JSON.stringify(body).replace(/"request_id":"[^"]+"/, ''))
  }
  assert.equal(new Set(answers).size, 1)
  assert.deepEqual(await statuses(key), [200, 200])
  assert.equal((await api.ask(`${READ}?api_key=${key}`)).status, 401)
})

test('the last use is told, once a minute over all edges', async () => {
  const { key, id } = await keyOf(admin, ['read:functions'])
  assert.equal((await admin.key(id))?.last_used_at, null)
  const before = Date.now()
  for (let n = 0; n < 5; n++) await statuses(key)
  const used = await until(async () => (await admin.key(id))?.last_used_at)
  assert.ok(Date.parse(used) >= before && Date.parse(used) <= Date.now())
})

test('what makes no key is refused by its field', async () => {
  const good = { name: 'ci', scopes: ['read:functions'] }
  const cases: [object, string][] = [
    [{ ...good, name: '' }, 'name'],
    [{ ...good, name: 'a\u0000b' }, 'name'],
    [{ ...good, name: 'x'.repeat(129) }, 'name'],
    [{ ...good, scopes: [] }, 'scopes'],
    [{ ...good, scopes: ['everything'] }, 'scopes.0'],
    [{ ...good, expires_at: 'tomorrow' }, 'expires_at'],
    [{ ...good, expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    [{ ...good, expires_at: '2099-13-99T00:00:00Z' }, 'expires_at'],
    [{ ...good, expires_at: '9999-12-31T23:59:59-00:01' }, 'expires_at'],
    [{ ...good, owner: 'somebody' }, 'owner'],
    [{ name: 'ci' }, 'scopes'],
  ]
  for (const [json, field] of cases) {
    const body = await admin.get(400, PATH, { json })
    assert.equal(body.details?.['field'], field, JSON.stringify(json))
  }
})
