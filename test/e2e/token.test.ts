/** The token endpoint, in the words of its document, on an open instance. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fetchJson } from '../support/fetch-json.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { AccountsApi, freshUser, PASSWORD } from './accounts-api.ts'

const ADMIN_PASSWORD = 'an admin’s own password'

let platform: TestPlatform
let api: AccountsApi
let admin: AccountsApi
before(async () => {
  platform = await startPlatform({ env: { ADMIN_PASSWORD, RATE_LIMITS: 'off' } })
  api = new AccountsApi(platform.url)
  admin = api.as(await api.token('admin', ADMIN_PASSWORD))
})
after(async () => {
  assert.ok(platform.lines.every((line) => !line.includes(PASSWORD)))
  assert.ok(platform.lines.every((line) => !line.includes(ADMIN_PASSWORD)))
  await platform.stop()
})

test('a username and a password are answered with a token, as the document shows it', async () => {
  const username = `${freshUser()}@example.com`
  await admin.createUser(username, ['jobs:read'])
  const { status, headers, body } = await api.askToken<Record<string, unknown>>(username, PASSWORD)
  assert.equal(status, 200)
  assert.deepEqual(Object.keys(body), ['access_token', 'token_type', 'expires_in'])
  assert.equal(body['token_type'], 'Bearer')
  assert.ok(Number.isInteger(body['expires_in']) && Number(body['expires_in']) > 0)
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.match(headers.get('content-type') ?? '', /^application\/json/)
  assert.ok(headers.get('x-request-id'))
  assert.match(headers.get('x-response-time') ?? '', /^\d+(\.\d+)?$/)
  const token = String(body['access_token'])
  const claims = JSON.parse(
    Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
  ) as object
  assert.ok('sub' in claims && claims.sub === username)
  assert.ok(!JSON.stringify(claims).includes('argon2'))
})

test('fields beside the two are ignored, as OAuth clients send them', async () => {
  const json = { username: 'admin', password: ADMIN_PASSWORD, grant_type: 'password' }
  assert.equal((await api.ask('/api/v1/auth/token', { json })).status, 200)
})

test('what is missing or of another kind is told field by field', async () => {
  const long = 'x'.repeat(257)
  const cases: [unknown, string, string][] = [
    [{ password: 'x' }, 'username', 'required'],
    [{ username: 'x' }, 'password', 'required'],
    [{}, 'username', 'required'],
    [{ username: 7, password: 'x' }, 'username', 'type'],
    [{ username: 'x', password: null }, 'password', 'type'],
    [{ username: '', password: 'x' }, 'username', 'min_length'],
    [{ username: 'x', password: '' }, 'password', 'min_length'],
    [{ username: long, password: 'x' }, 'username', 'max_length'],
    [{ username: 'x', password: long }, 'password', 'max_length'],
    [[], 'body', 'type'],
    ['x', 'body', 'type'],
  ]
  for (const [json, field, constraint] of cases) {
    const { status, body } = await api.ask<Record<string, unknown>>('/api/v1/auth/token', { json })
    assert.equal(status, 400, JSON.stringify(json))
    assert.deepEqual(Object.keys(body), ['error', 'code', 'message', 'details', 'request_id'])
    assert.equal(body['error'], 'Invalid request')
    assert.deepEqual(body['details'], { field, constraint })
    assert.ok(String(body['message']).startsWith(field))
  }
})

test('a wrong password, a stranger and a deleted user are one and the same', async () => {
  const { username } = await admin.newcomer([])
  const gone = freshUser()
  await admin.createUser(gone, [])
  await admin.get(204, `/api/v1/users/${gone}`, { method: 'DELETE' })
  const answers = []
  for (const [name, password] of [
    [username, 'not the password'],
    [freshUser(), PASSWORD],
    [gone, PASSWORD],
    ['__proto__', PASSWORD],
    ['key:abc', PASSWORD],
  ]) {
    const { status, headers, body } = await api.askToken<Record<string, unknown>>(name, password)
    assert.deepEqual(Object.keys(body), ['error', 'code', 'message', 'request_id'])
    assert.ok(headers.get('www-authenticate'))
    answers.push({ status, error: body['error'], message: body['message'] })
  }
  assert.deepEqual(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1)
  assert.deepEqual([answers[0]?.status, answers[0]?.error], [401, 'Unauthorized'])
})

test('other requests are refused in the same words', async () => {
  const path = `${platform.url}/api/v1/auth/token`
  const cases: [RequestInit, number, string][] = [
    [{ method: 'GET' }, 405, 'MethodNotAllowed'],
    [{ method: 'POST', body: '{' }, 400, 'Invalid request'],
    [{ method: 'POST', body: JSON.stringify('x'.repeat(9_000)) }, 413, 'PayloadTooLarge'],
    [
      { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } },
      415,
      'UnsupportedMediaType',
    ],
  ]
  for (const [init, status, error] of cases) {
    const response = await fetch(path, { headers: { 'content-type': 'application/json' }, ...init })
    assert.equal(response.status, status)
    const body = (await response.json()) as Record<string, unknown>
    assert.equal(body['error'], error)
    assert.equal(body['request_id'], response.headers.get('x-request-id'))
  }
})

test('a password in a body that does not parse is in no log', async () => {
  const requestId = 'not-understood'
  const { status } = await fetch(`${platform.url}/api/v1/auth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-request-id': requestId },
    body: '{"username":"admin","password":hunter2}',
  })
  assert.equal(status, 400)
  const line = await until(() => platform.lines.find((said) => said.includes(requestId)))
  assert.match(line, /"code":"INVALID_JSON"/)
  assert.ok(platform.lines.every((said) => !said.includes('hunter')))
})

test('more at once than can wait are told to come back', async () => {
  const { username } = await admin.newcomer([])
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => api.askToken<Record<string, unknown>>(username, PASSWORD)),
  )
  const statuses = new Set(answers.map(({ status }) => status))
  assert.deepEqual([...statuses].sort(), [200, 503])
  const busy = answers.find(({ status }) => status === 503)
  assert.equal(busy?.body['error'], 'Service unavailable')
  assert.equal(busy?.headers.get('retry-after'), '1')
  assert.equal((await api.askToken(username, PASSWORD)).status, 200)
})

test('the sixth failure of an address at an account within a minute is one too many', async () => {
  await using limited = await startPlatform({ env: { ADMIN_PASSWORD, TRUSTED_PROXIES: '1' } })
  const { url } = limited
  const ask = (username: string, password: string, from = '192.0.2.1') =>
    fetchJson<Record<string, unknown>>(`${url}/api/v1/auth/token`, {
      json: { username, password },
      headers: { 'x-forwarded-for': from },
    })
  for (let n = 0; n < 7; n++) assert.equal((await ask('admin', ADMIN_PASSWORD)).status, 200)
  for (let n = 4; n >= 0; n--) {
    const { status, headers } = await ask('admin', 'wrong')
    assert.equal(status, 401)
    assert.equal(headers.get('x-rate-limit-remaining'), String(n))
  }
  for (const password of ['wrong', ADMIN_PASSWORD]) {
    const { status, headers, body } = await ask('admin', password)
    assert.equal(status, 429)
    assert.deepEqual(Object.keys(body), ['error', 'code', 'message', 'retry_after', 'request_id'])
    assert.equal(body['error'], 'RateLimitExceeded')
    const retryAfter = Number(headers.get('retry-after'))
    assert.ok(retryAfter >= 1 && retryAfter <= 60)
    assert.equal(body['retry_after'], retryAfter)
    assert.equal(headers.get('x-rate-limit-remaining'), '0')
    assert.ok(Number(headers.get('x-rate-limit-reset')) > Date.now() / 1_000)
  }
  // Whoever else has the right password gets in: nobody can keep the admin out.
  assert.equal((await ask('admin', ADMIN_PASSWORD, '192.0.2.2')).status, 200)
  // Others from the same address are not the account's business, until the address has had twenty.
  for (let n = 0; n < 15; n++) assert.equal((await ask(freshUser(), 'wrong')).status, 401)
  assert.equal((await ask(freshUser(), 'wrong')).status, 429)
})
