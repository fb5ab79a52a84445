/** Who a session belongs to, how it gets its id, and what is refused. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { startSecondEdge, type SecondEdge } from '../support/second-edge.ts'
import { until } from '../support/until.ts'
import { freshName, FunctionsApi } from './functions-api.ts'
import { bearer, KEYED, LAMBDA_ENV, LambdaApi, NO_CACHE, RETAINED } from './lambda-api.ts'

const COUNTER = 'let calls = 0\nfunction handler() { return ++calls }'

let platform: TestPlatform
let second: SecondEdge
let functions: FunctionsApi
let api: LambdaApi
let other: LambdaApi
before(async () => {
  platform = await startPlatform({ env: LAMBDA_ENV })
  second = await startSecondEdge(platform, LAMBDA_ENV)
  functions = new FunctionsApi(platform.url)
  api = new LambdaApi(platform.url, KEYED)
  other = new LambdaApi(second.url, KEYED)
  await until(async () => (await fetch(`${second.url}/functions`)).status === 200)
})
after(async () => {
  await second[Symbol.asyncDispose]()
  await platform.stop()
})

async function register(name = freshName()): Promise<string> {
  await functions.register({ runtime: 'nodejs', name, code: COUNTER })
  return `nodejs-${name}`
}

test("a client's X-Request-ID is the session's id if it is a UUID and free", async () => {
  const title = await register()
  const wished = randomUUID()
  const ids = { 'x-request-id': wished }
  assert.equal((await api.initialize(title, {}, ids)).request_id, wished)
  const again = await api.initialize(title, {}, { 'x-request-id': wished.toUpperCase() })
  assert.notEqual(again.request_id, wished)
  const words = await api.initialize(title, {}, { 'x-request-id': 'my-request' })
  assert.match(words.request_id, /^[\da-f-]{36}$/)
  await api.close(wished)
  assert.notEqual((await api.initialize(title, {}, ids)).request_id, wished, 'it was given once')
})

test('of many who wish for one id at once, one gets it', async () => {
  const title = await register()
  const ids = { 'x-request-id': randomUUID() }
  const all = await Promise.all(
    Array.from({ length: 10 }, (_, n) => (n % 2 ? api : other).initialize(title, {}, ids)),
  )
  assert.equal(new Set(all.map(({ request_id }) => request_id)).size, 10)
  const got = all.filter(({ request_id }) => request_id === ids['x-request-id'])
  assert.equal(got.length, 1)
})

test('what one edge has answered, the other one knows', async () => {
  const title = await register()
  for (const [one, two] of [
    [api, other],
    [other, api],
  ] as const) {
    const { request_id } = await one.initialize(title, RETAINED)
    assert.equal(await two.run(request_id), 1)
    assert.equal(await one.run(request_id), 2)
    assert.equal((await two.session(request_id)).execution_count, 2)
    assert.equal((await two.close(request_id)).status, 204)
    assert.equal((await one.execute(request_id)).status, 404)
  }
})

test('fifty executions of a retained session at once follow one another', async () => {
  const title = await register()
  const { request_id } = await api.initialize(title, RETAINED)
  const all = await Promise.all(
    Array.from({ length: 50 }, (_, n) => (n % 2 ? api : other).run(request_id, { n })),
  )
  const counted = all.map(Number).sort((a, b) => a - b)
  assert.deepEqual(
    counted,
    Array.from({ length: 50 }, (_, n) => n + 1),
  )
})

test('fifty executions of a session that retains nothing each start clean', async () => {
  const title = await register()
  const { request_id } = await api.initialize(title)
  const all = await Promise.all(Array.from({ length: 50 }, (_, n) => api.run(request_id, { n })))
  assert.deepEqual(new Set(all), new Set([1]))
})

test('the concurrency that its function has now holds for a session of an older version', async () => {
  const name = freshName()
  const code = `async function handler() {
    const begun = Date.now()
    await new Promise((resolve) => setTimeout(resolve, 200))
    return [begun, Date.now()]
  }`
  const id = await functions.register({ runtime: 'nodejs', name, code })
  const { request_id } = await api.initialize(`nodejs-${name}`)
  await functions.change(id, { concurrency: 1 })
  const executed = await Promise.all(
    [1, 2, 3, 4].map((n) => api.executed(request_id, { n }, NO_CACHE)),
  )
  const spans = executed.map(({ result }) => result as [number, number]).sort(([a], [b]) => a - b)
  for (const [n, [begun]] of spans.entries()) {
    const before = spans[n - 1]
    assert.ok(before === undefined || begun >= before[1], JSON.stringify(spans))
  }
})

test("another owner's sessions and scripts are as unknown as none", async () => {
  const title = await register()
  const { request_id } = await api.initialize(title)
  const stranger = new LambdaApi(platform.url, await bearer('stranger', 'admin'))
  for (const asking of [
    stranger.failed(404, request_id),
    stranger.refused(404, `/api/v1/sessions/${request_id}`),
    stranger.refused(404, `/api/v1/sessions/${request_id}`, { method: 'DELETE' }),
    stranger.refused(404, `/api/v1/functions/${title}`),
  ]) {
    assert.equal((await asking).error.code, 'NOT_FOUND')
  }
  assert.equal((await api.session(request_id)).status, 'initialized')
})

test('a title may be any name: in the header, as UTF-8 or percent-encoded, and in the path', async () => {
  for (const name of ['計算-機', 'a/b', '100%', 'a%2Fb', 'with space', 'a-b-c', 'x?y#z']) {
    const title = await register(name)
    assert.equal(await api.run((await api.initialize(title)).request_id), 1)
    const raw = Buffer.from(title, 'utf8').toString('latin1')
    const { status } = await api.ask('/api/v1/initialize', {
      json: {},
      headers: { 'language-title': raw },
    })
    assert.equal(status, 200, name)
    const path = `/api/v1/functions/${encodeURIComponent(title)}`
    assert.equal((await api.ask<{ title: string }>(path)).body.title, name)
  }
})

test('an absent body and an absent context mean the defaults', async () => {
  const title = await register()
  const headers = { ...KEYED, 'language-title': title }
  const { status } = await fetch(`${platform.url}/api/v1/initialize`, { method: 'POST', headers })
  assert.equal(status, 200)
})

const CONTEXTS: readonly [status: number, context: unknown][] = [
  [400, 5],
  [400, null],
  [400, { timeout_ms: 0 }],
  [400, { timeout_ms: 900_001 }],
  [400, { timeout_ms: '30000' }],
  [400, { retain_session: 'yes' }],
  [400, { environment: 1 }],
  [413, { more: 'x'.repeat(70_000) }],
  [200, { ['__proto__']: { a: 1 }, job_id: 'mine', session: 'mine' }],
]
test('a context is refused where it is none', async () => {
  const title = await register()
  for (const [wanted, context] of CONTEXTS) {
    const headers = { 'language-title': title }
    const { status, body } = await api.ask('/api/v1/initialize', { json: { context }, headers })
    assert.equal(status, wanted, JSON.stringify(body).slice(0, 200))
    if (wanted !== 200) assert.equal(body.error.code, 'INVALID_REQUEST')
  }
})

test('hostile bodies and titles are refused in the words of the document', async () => {
  const title = await register()
  const { request_id } = await api.initialize(title)
  const path = `${platform.url}/api/v1/execute/${request_id}`
  const json = { ...KEYED, 'content-type': 'application/json' }
  const deep = `{"params":${'['.repeat(600)}${']'.repeat(600)}}`
  const tries: [status: number, headers: Record<string, string>, body: string][] = [
    [400, json, ''],
    [400, json, '{'],
    [400, json, '[]'],
    [400, json, '"params"'],
    [400, json, '{"params":1e999}'],
    [400, json, deep],
    [413, json, JSON.stringify({ params: 'x'.repeat(1_100_000) })],
    [415, { ...KEYED, 'content-type': 'text/plain' }, '{"params":{}}'],
  ]
  for (const [status, headers, body] of tries) {
    const answer = await fetch(path, { method: 'POST', headers, body })
    const told = (await answer.json()) as { request_id: string; error: { code: string } }
    assert.equal(answer.status, status, body.slice(0, 40))
    assert.match(told.error.code, /^INVALID_(REQUEST|PARAMS)$/)
    assert.equal(told.request_id, request_id)
  }
  for (const [status, given] of [
    [400, 'calculator'],
    [400, '-'],
    [400, 'nodejs-'],
    [404, 'cobol-calculator'],
    [404, 'nodejs-%E0%A4%A'],
  ] as const) {
    await api.refused(status, '/api/v1/initialize', {
      json: {},
      headers: { 'language-title': given },
    })
  }
  const untitled = await api.refused(400, '/api/v1/initialize', { json: {} })
  assert.match(untitled.error.message, /^Language-Title is required/)
  const { error } = await api.refused(405, '/api/v1/initialize')
  assert.equal(error.code, 'INVALID_REQUEST')
})
