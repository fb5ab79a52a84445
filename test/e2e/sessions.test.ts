/** Sessions of the lambda API: what lives between executions, what does not, and for how long. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { freshName, FunctionsApi } from './functions-api.ts'
import { KEYED, LAMBDA_ENV, LambdaApi, RETAINED } from './lambda-api.ts'

/** Counts its own calls, in each runtime. */
const COUNTERS = {
  nodejs: 'let calls = 0\nfunction handler() { return ++calls }',
  python: 'calls = 0\ndef handler(event):\n    global calls\n    calls += 1\n    return calls',
} as const

let platform: TestPlatform
let functions: FunctionsApi
let api: LambdaApi
before(async () => {
  platform = await startPlatform({ env: LAMBDA_ENV })
  functions = new FunctionsApi(platform.url)
  api = new LambdaApi(platform.url, KEYED)
})
after(() => platform.stop())

async function register(fields: Readonly<Record<string, unknown>>): Promise<string> {
  const { name = freshName(), runtime = 'nodejs' } = fields
  await functions.register({ ...fields, name, runtime })
  return `${String(runtime)}-${String(name)}`
}

for (const [runtime, code] of Object.entries(COUNTERS)) {
  test(`${runtime}: state lives between the executions of a retained session only`, async () => {
    const title = await register({ runtime, code })
    const { request_id: retained } = await api.initialize(title, RETAINED)
    const { request_id: other } = await api.initialize(title, RETAINED)
    const { request_id: clean } = await api.initialize(title)
    assert.deepEqual([await api.run(retained), await api.run(retained)], [1, 2])
    assert.equal(await api.run(other), 1)
    assert.deepEqual([await api.run(clean), await api.run(clean)], [1, 1])
    assert.equal(await api.run(retained), 3)
  })
}

test('a session tells what was done with it', async () => {
  const title = await register({})
  const { request_id, expires_at } = await api.initialize(title)
  const fresh = await api.session(request_id)
  assert.equal(fresh.status, 'initialized')
  assert.equal(fresh.expires_at, expires_at)
  assert.equal(Date.parse(fresh.expires_at) - Date.parse(fresh.created_at), 7_200_000)
  assert.deepEqual([fresh.execution_count, fresh.last_executed_at], [0, null])
  await api.run(request_id, { a: 1 })
  await api.run(request_id, { a: 2 })
  const active = await api.session(request_id)
  assert.deepEqual([active.status, active.execution_count], ['active', 2])
  assert.ok(active.last_executed_at !== null && active.last_executed_at >= fresh.created_at)
  assert.equal(active.language_title, title)
})

test('a closed session is as unknown as one that never was', async () => {
  const title = await register({})
  const { request_id } = await api.initialize(title, RETAINED)
  await api.run(request_id)
  assert.equal((await api.close(request_id)).status, 204)
  for (const id of [request_id, '00000000-0000-4000-8000-000000000000', 'nonsense']) {
    const refused = await api.failed(404, id)
    assert.equal(refused.error.code, 'NOT_FOUND')
    assert.equal(refused.request_id, id)
    assert.equal(refused.error.details['reason'], undefined)
    await api.refused(404, `/api/v1/sessions/${id}`)
    assert.equal((await api.close(id)).status, 404)
  }
})
