/** Idempotency-Key where what is made is a secret: users and API keys. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { LOCAL_OWNER } from '#events/functions.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import { EVENTS, KEYS } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { newKeyId, parseKey } from '../../apps/edge/access/key-format.ts'
import type { JsonAnswer } from '../support/fetch-json.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import {
  AccountsApi,
  freshUser,
  PASSWORD,
  type NewKeyView,
  type Refused,
  type UserView,
} from './accounts-api.ts'
import { keyed, newestWord, sayHeld } from './keyed.ts'

const AT_ONCE = 50
const KEYS_PATH = '/api/v1/keys'
const USERS_PATH = '/api/v1/users'
const SCOPES = ['keys:write', 'read:functions']

let platform: TestPlatform
let bus: Bus
let api: AccountsApi
let admin: AccountsApi
before(async () => {
  platform = await startPlatform({ env: { AUTH: 'required', RATE_LIMITS: 'off' } })
  bus = await platform.openBus()
  api = new AccountsApi(platform.url)
  admin = api.as(await api.token('admin', platform.credentials.ADMIN_PASSWORD))
})
after(() => platform.stop())

const isReplay = ({ headers }: { headers: Headers }) =>
  headers.get('idempotency-replayed') === 'true'

const keyJson = { name: 'ci', scopes: ['read:functions'] }
const makeKey = (user: AccountsApi, key: string, json: object = keyJson) =>
  user.ask<NewKeyView & Refused>(KEYS_PATH, { json, headers: keyed(key) })
const userJson = () => ({ username: freshUser(), password: PASSWORD, scopes: SCOPES })
const makeUser = (json: object, key: string) =>
  admin.ask<UserView & Refused>(USERS_PATH, { json, headers: keyed(key) })

/** The answers of many at once: one effect, and replays of it; the others are told to come back. */
async function fromOneEffect<Body extends Refused>(ask: () => Promise<JsonAnswer<Body>>) {
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, ask))
  const made = answers.filter(({ status }) => status === 201)
  assert.equal(made.filter((answer) => !isReplay(answer)).length, 1)
  for (const { status, headers, body } of answers) {
    if (status === 201) continue
    assert.deepEqual([status, body.code, headers.get('retry-after')], [409, 'CONFLICT', '1'])
  }
  const last = await ask()
  assert.ok(isReplay(last))
  for (const { body } of made) assert.deepEqual(body, last.body)
  return last
}

/** All that the log has. */
async function logged(): Promise<string> {
  const texts: string[] = []
  for (const stream of [EVENTS, KEYS, 'COMMANDS']) {
    await readToEnd(bus, stream, {}, (message) => void texts.push(message.string()))
  }
  return texts.join('\n')
}

const fingerprintOf = async (key: string, owner: string) =>
  ((await newestWord(bus, key, owner))?.data as { fingerprint: string }).fingerprint

test('many requests with one key make one API key, which each of them is shown', async () => {
  const { api: user, username } = await admin.newcomer(SCOPES)
  const { status, headers, body } = await fromOneEffect(() => makeKey(user, 'one'))
  assert.equal(status, 201)
  assert.equal(headers.get('location'), `${KEYS_PATH}/${body.id}`)
  assert.deepEqual(
    (await user.keys()).map(({ id }) => id),
    [body.id],
  )
  await api.as(body.key).get(200, '/functions')
  assert.equal((await newestWord(bus, 'one', username))?.type, 'key.answered')
  const { secret = '' } = parseKey(body.key) ?? {}
  const text = await logged()
  assert.ok(secret.length > 0 && text.includes(body.id))
  assert.ok(!text.includes(body.key) && !text.includes(secret))
})

test('many requests with one key make one user, and the log has no word of the password', async () => {
  const json = { ...userJson(), password: 'a most peculiar pass phrase' }
  const { body } = await fromOneEffect(() => makeUser(json, 'one-user'))
  assert.equal(body.username, json.username)
  await api.token(json.username, json.password)
  assert.ok(!(await logged()).includes(json.password))
})

test('another password, another scope, another user of the same owner is another request', async () => {
  const json = userJson()
  assert.equal((await makeUser(json, 'reused')).status, 201)
  const other = await makeUser({ ...json, password: `${PASSWORD}!` }, 'reused')
  assert.deepEqual([other.status, other.body.code], [422, 'KEY_REUSED'])

  const owner = freshUser()
  const one = await admin.newcomer([...SCOPES, 'jobs:read'], { owner })
  const two = await admin.newcomer(SCOPES, { owner })
  const wide = { name: 'wide', scopes: ['jobs:read'] }
  assert.equal((await makeKey(one.api, 'shared', wide)).status, 201)
  for (const answer of [
    await makeKey(one.api, 'shared'),
    // Who may not have such a key does not get it by asking in the same words.
    await makeKey(two.api, 'shared', wide),
  ]) {
    assert.deepEqual([answer.status, answer.body.code], [422, 'KEY_REUSED'])
  }
})

test('a decided refusal is kept, one of the request itself frees the key', async () => {
  const json = userJson()
  const short = await makeUser({ ...json, password: 'short' }, 'refused')
  assert.equal(short.status, 400)
  assert.equal((await makeUser(json, 'refused')).status, 201)
  const taken = [await makeUser(json, 'taken'), await makeUser(json, 'taken')]
  assert.deepEqual(
    taken.map((answer) => [answer.status, answer.body.code, isReplay(answer)]),
    [
      [409, 'NAME_TAKEN', false],
      [409, 'NAME_TAKEN', true],
    ],
  )
})

test('whoever takes over makes the API key under the id that was taken, if nobody has', async () => {
  const { api: user, username: owner } = await admin.newcomer(SCOPES)
  await makeKey(user, 'left')
  const fingerprint = await fingerprintOf('left', owner)
  const created = newKeyId()
  await sayHeld(bus, 'left', { fingerprint, leaseMs: 0, created, owner })
  const { status, body } = await makeKey(user, 'left')
  assert.deepEqual([status, body.id], [201, created])
  await api.as(body.key).get(200, '/functions')

  // And as if it died between the making and the answer: nobody has the secret.
  await sayHeld(bus, 'left', { fingerprint, leaseMs: 0, created, owner })
  for (const again of [false, true]) {
    const lost = await makeKey(user, 'left')
    assert.deepEqual([lost.status, lost.body.code, isReplay(lost)], [409, 'CONFLICT', again])
    assert.deepEqual(lost.body.details, { field: 'Idempotency-Key', key_id: created })
    assert.equal(lost.headers.get('retry-after'), null)
  }
  assert.equal((await user.keys()).length, 2)
})

test('whoever takes over finds the user that was made, whatever became of it', async () => {
  const json = userJson()
  const { username } = json
  await makeUser(json, 'found')
  const fingerprint = await fingerprintOf('found', LOCAL_OWNER)
  const on = { last_by_subj: subjects.userEvent(username, 'created') }
  const event = await bus.jsm.streams.getMessage(EVENTS, on)
  const created = event?.json<{ causationid: string }>().causationid.split(':')[1] ?? ''
  await admin.get(200, `${USERS_PATH}/${username}`, { method: 'PATCH', json: { scopes: [] } })
  await sayHeld(bus, 'found', { fingerprint, leaseMs: 0, created })
  const again = await makeUser(json, 'found')
  assert.deepEqual([again.status, isReplay(again), again.body.scopes], [201, false, []])

  // A name that somebody else was faster with is taken.
  const other = userJson()
  await admin.createUser(other.username, SCOPES)
  await makeUser(other, 'not-ours')
  const print = await fingerprintOf('not-ours', LOCAL_OWNER)
  await sayHeld(bus, 'not-ours', { fingerprint: print, leaseMs: 0, created })
  assert.equal((await makeUser(other, 'not-ours')).body.code, 'NAME_TAKEN')
})

test('an API key whose edge dies before it is decided is not shown twice', async () => {
  const { api: user, username: owner } = await admin.newcomer(SCOPES)
  const thaw = platform.freeze('handler')
  const asking = makeKey(user, 'dies').catch(() => undefined)
  const created = await until(async () => {
    const word = await newestWord(bus, 'dies', owner)
    return word?.type === 'key.held' && word.data.created_id
  })
  await until(async () => {
    const on = { last_by_subj: 'cmd.key.create' }
    const stored = await bus.jsm.streams.getMessage('COMMANDS', on)
    return stored?.json<{ subject: string }>().subject === String(created)
  })
  await platform.kill('edge', 'SIGKILL')
  thaw()
  assert.equal(await asking, undefined)
  const ask = async () => {
    const answer = await makeKey(user, 'dies')
    return (answer.status !== 409 || answer.headers.get('retry-after') === null) && answer
  }
  const { status, body } = await until(ask, { pollMs: 250 })
  assert.deepEqual([status, body.code, body.details?.['key_id']], [409, 'CONFLICT', created])
  assert.equal((await user.revoke(String(created))).status, 204)
  const next = await makeKey(user, 'another')
  assert.equal(next.status, 201)
  await api.as(next.body.key).get(200, '/functions')
})
