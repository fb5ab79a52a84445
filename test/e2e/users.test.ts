/** Users, as an admin makes, changes and deletes them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { AccountsApi, freshUser, PASSWORD, type UserView } from './accounts-api.ts'

let platform: TestPlatform
let api: AccountsApi
let admin: AccountsApi
before(async () => {
  platform = await startPlatform({ env: { AUTH: 'required', RATE_LIMITS: 'off' } })
  api = new AccountsApi(platform.url)
  admin = api.as(await api.token('admin', platform.credentials.ADMIN_PASSWORD))
})
after(async () => {
  assert.ok(platform.lines.every((line) => !line.includes(PASSWORD) && !line.includes('argon2')))
  await platform.stop()
})

const PATH = '/api/v1/users'

test('a user is made, listed, changed and deleted', async () => {
  const username = `${freshUser()}@example.com`
  const json = { username, password: PASSWORD, scopes: ['jobs:read'] }
  const { status, headers, body } = await admin.ask<UserView>(PATH, { json })
  assert.equal(status, 201)
  assert.equal(headers.get('location'), `${PATH}/${username}`)
  const { created_at, updated_at, ...rest } = body
  assert.deepEqual(rest, { username, owner: username, scopes: ['jobs:read'] })
  assert.equal(created_at, updated_at)

  const { users } = await admin.get<{ users: UserView[] }>(200, PATH)
  assert.deepEqual(
    users.find((user) => user.username === username),
    body,
  )
  const changed = await admin.get<UserView>(200, `${PATH}/${username}`, {
    method: 'PATCH',
    json: { scopes: ['read:functions', 'admin'], password: 'another password' },
  })
  assert.deepEqual(changed.scopes, ['read:functions', 'admin'])
  assert.ok(changed.updated_at > created_at)
  assert.equal((await api.askToken(username, PASSWORD)).status, 401)
  const asUser = api.as(await api.token(username, 'another password'))
  await asUser.get(200, PATH)

  await admin.get(204, `${PATH}/${username}`, { method: 'DELETE' })
  assert.equal((await api.askToken(username, 'another password')).status, 401)
  await admin.get(404, `${PATH}/${username}`, { method: 'DELETE' })
  await admin.get(404, `${PATH}/${username}`, { method: 'PATCH', json: { scopes: [] } })
  // A token that was signed before dies with its user.
  await asUser.get(401, PATH)
})

test('a token is worth what its user still may, from the answer on', async () => {
  const { api: user, username } = await admin.newcomer(['admin'])
  await user.get(200, PATH)
  const narrower = { method: 'PATCH', json: { scopes: ['jobs:read'] } }
  await user.get(200, `${PATH}/${username}`, narrower)
  await user.get(403, PATH)
  await user.get(403, `${PATH}/${username}`, { method: 'PATCH', json: { scopes: ['admin'] } })
  await admin.get(200, `${PATH}/${username}`, { method: 'PATCH', json: { scopes: ['admin'] } })
  await user.get(200, PATH)
})

test('a name is taken once, however many want it', async () => {
  const username = freshUser()
  const json = { username, password: PASSWORD, scopes: [] }
  const answers = await Promise.all(Array.from({ length: 8 }, () => admin.ask(PATH, { json })))
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [201, ...Array<number>(7).fill(409)])
  const { body } = await admin.ask(PATH, { json })
  assert.deepEqual([body.code, body.details], ['NAME_TAKEN', { field: 'username' }])
})

test('nobody but an admin may, and an open door is none here', async () => {
  const { api: user, username } = await admin.newcomer(['keys:write', 'functions:write'])
  const attempts: [string, object][] = [
    [PATH, {}],
    [PATH, { json: { username: freshUser(), password: PASSWORD, scopes: ['admin'] } }],
    [`${PATH}/${username}`, { method: 'PATCH', json: { scopes: ['admin'] } }],
    [`${PATH}/admin`, { method: 'DELETE' }],
  ]
  for (const [path, request] of attempts) {
    assert.equal((await user.get(403, path, request)).code, 'FORBIDDEN')
    assert.equal((await api.get(401, path, request)).code, 'UNAUTHORIZED')
  }
  await using open = await startPlatform()
  const stranger = new AccountsApi(open.url)
  await stranger.get(200, '/functions')
  for (const [path, request] of attempts) await stranger.get(401, path, request)
  await stranger.get(401, '/api/v1/keys')
})

test('what makes no user is refused by its field', async () => {
  const good = { username: freshUser(), password: PASSWORD, scopes: [] }
  const cases: [object, string][] = [
    [{ ...good, username: 'a b' }, 'username'],
    [{ ...good, username: 'key:abc' }, 'username'],
    [{ ...good, username: '' }, 'username'],
    [{ ...good, username: 'x'.repeat(129) }, 'username'],
    [{ ...good, username: '../admin' }, 'username'],
    [{ ...good, password: '1234567' }, 'password'],
    [{ ...good, password: 'x'.repeat(257) }, 'password'],
    [{ ...good, password: 12345678 }, 'password'],
    [{ ...good, scopes: ['everything'] }, 'scopes.0'],
    [{ ...good, scopes: ['admin', 'admin'] }, 'scopes'],
    [{ ...good, owner: 'a/b' }, 'owner'],
    [{ ...good, admin: true }, 'admin'],
    [{ username: good.username, scopes: [] }, 'password'],
  ]
  for (const [json, field] of cases) {
    const { status, headers, body } = await admin.ask(PATH, { json })
    assert.equal(status, 400, JSON.stringify(json))
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.equal(body.details?.['field'], field)
  }
  await admin.get(400, `${PATH}/${good.username}`, { method: 'PATCH', json: {} })
})

test('pages follow each other by name', async () => {
  const names = Array.from({ length: 5 }, () => freshUser())
  for (const username of names) await admin.createUser(username, [])
  const seen: string[] = []
  for (let page = 1; ; page++) {
    const body = await admin.get<{ users: UserView[]; has_more: boolean }>(
      200,
      `${PATH}?per_page=2&page=${page}`,
    )
    assert.ok(body.users.length <= 2)
    seen.push(...body.users.map(({ username }) => username))
    if (!body.has_more) break
  }
  assert.deepEqual(seen, [...new Set(seen)])
  for (const name of names) assert.ok(seen.includes(name))
  for (const query of ['per_page=0', 'per_page=101', 'page=0', 'page=x', 'page=101']) {
    await admin.get(400, `${PATH}?${query}`)
  }
})

test('users of one owner see the same functions, others do not', async () => {
  const owner = freshUser()
  const scopes = ['functions:write', 'read:functions']
  const one = await admin.newcomer(scopes, { owner })
  const other = await admin.newcomer(scopes, { owner })
  const stranger = await admin.newcomer(scopes)
  const json = {
    name: 'shared',
    runtime: 'python',
    code: 'def handler(event): return event',
    execution_type: 'sync',
  }
  const { data } = await one.api.get<{ data: { function_id: number } }>(201, '/functions', { json })
  await other.api.get(200, `/functions/${data.function_id}`)
  await stranger.api.get(404, `/functions/${data.function_id}`)
})
