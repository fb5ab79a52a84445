/** What the cache does to executions, and that each of them is a job. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { freshName, FunctionsApi } from './functions-api.ts'
import { KEYED, LAMBDA_ENV, LambdaApi, NO_CACHE, RETAINED } from './lambda-api.ts'

const RANDOM = 'function handler() { return Math.random() }'

interface CachedJob {
  readonly status: string
  readonly result: unknown
  readonly cached_from: number | null
  readonly session_id: string | null
  readonly duration: number | null
}

let platform: TestPlatform
let functions: FunctionsApi
let api: LambdaApi
before(async () => {
  platform = await startPlatform({ env: LAMBDA_ENV })
  functions = new FunctionsApi(platform.url)
  api = new LambdaApi(platform.url, KEYED)
})
after(() => platform.stop())

async function register(code = RANDOM): Promise<{ id: number; title: string }> {
  const name = freshName()
  return {
    id: await functions.register({ runtime: 'nodejs', name, code }),
    title: `nodejs-${name}`,
  }
}

test('the same execution is answered from the cache, by a job of its own', async () => {
  const { id, title } = await register()
  const { request_id } = await api.initialize(title)
  const first = await api.executed(request_id, { a: 1, b: 2 })
  const second = await api.executed(request_id, { b: 2, a: 1 })
  assert.deepEqual([first.cached, second.cached], [false, true])
  assert.equal(second.result, first.result)
  assert.equal(second.execution_time, first.execution_time)
  assert.notEqual(second.job_id, first.job_id)
  const job = (await functions.job(second.job_id)) as unknown as CachedJob
  assert.deepEqual(
    [job.status, job.result, job.cached_from, job.session_id, job.duration],
    ['success', first.result, first.job_id, request_id, null],
  )
  assert.deepEqual(
    (await functions.jobs(id)).map((each) => each.result),
    [first.result, first.result],
  )
  assert.equal((await api.session(request_id)).execution_count, 2)
  assert.deepEqual((await functions.metrics(id)).invocations, {
    total: 2,
    successful: 2,
    failed: 0,
    cancelled: 0,
  })
})

test('what differs in params, context, version or retained session is another execution', async () => {
  const { id, title } = await register()
  const one = await api.initialize(title)
  const same = await api.initialize(title)
  const other = await api.initialize(title, { environment: 'production' })
  const first = await api.executed(one.request_id)
  assert.equal((await api.executed(same.request_id)).result, first.result)
  assert.equal((await api.executed(other.request_id)).cached, false)
  assert.equal((await api.executed(one.request_id, { a: 1 })).cached, false)
  const retained = await api.initialize(title, RETAINED)
  const alike = await api.initialize(title, RETAINED)
  assert.equal((await api.executed(retained.request_id)).cached, false)
  assert.equal((await api.executed(retained.request_id)).cached, true)
  assert.equal((await api.executed(alike.request_id)).cached, false)
  await functions.change(id, { code: `${RANDOM} // again` })
  const renewed = await api.initialize(title)
  assert.equal((await api.executed(renewed.request_id)).cached, false)
  assert.equal((await api.executed(one.request_id)).cached, true, 'its version is the old one')
})

test('X-Cache-Control is obeyed, and refused where it is not understood', async () => {
  const { title } = await register()
  const { request_id: id } = await api.initialize(title)
  const first = await api.executed(id)
  const fresh = await api.executed(id, {}, NO_CACHE)
  assert.equal(fresh.cached, false)
  assert.notEqual(fresh.result, first.result)
  assert.equal((await api.executed(id)).result, fresh.result, 'the fresh one is kept')
  assert.equal((await api.executed(id, {}, { 'x-cache-control': 'max-age=0' })).cached, false)
  assert.equal((await api.executed(id, {}, { 'x-cache-control': 'max-age=3600' })).cached, true)
  const request = { json: { params: {} }, headers: { 'x-cache-control': 'perhaps' } }
  const refused = await api.refused(400, `/api/v1/execute/${id}`, request)
  assert.equal(refused.error.code, 'INVALID_REQUEST')
})

test('failures are never kept', async () => {
  const { title } = await register(
    'let n = 0\nfunction handler() { if (n++ === 0) throw 1; return n }',
  )
  const { request_id } = await api.initialize(title, RETAINED)
  assert.equal((await api.execute(request_id)).status, 500)
  const second = await api.executed(request_id)
  assert.deepEqual([second.cached, second.result], [false, 2])
})

test('identical executions at the same time run once, and each is a job', async () => {
  const slow =
    'async function handler() { await new Promise((r) => setTimeout(r, 4_000)); return Math.random() }'
  const { id, title } = await register(slow)
  const { request_id } = await api.initialize(title)
  const all = await Promise.all(Array.from({ length: 20 }, () => api.executed(request_id)))
  assert.equal(new Set(all.map(({ result }) => result)).size, 1)
  assert.ok(
    all.every(({ cached }) => !cached),
    'it was computed while they waited',
  )
  assert.equal(new Set(all.map(({ job_id }) => job_id)).size, 20)
  assert.equal((await api.session(request_id)).execution_count, 20)
  const jobs = (await functions.jobs(id)) as unknown as CachedJob[]
  assert.equal(jobs.filter(({ cached_from }) => cached_from === null).length, 1)
})

test('a keyed execution has one effect, and its answer is told again', async () => {
  const { id, title } = await register()
  const { request_id } = await api.initialize(title)
  const headers = { ...NO_CACHE, 'idempotency-key': `execute-${request_id}` }
  const [first, again] = [
    await api.executed(request_id, {}, headers),
    await api.executed(request_id, {}, headers),
  ]
  assert.deepEqual(again, first)
  assert.equal((await functions.jobs(id)).length, 1)
  const keyed = { 'idempotency-key': `initialize-${request_id}` }
  const sessions = [await api.initialize(title, {}, keyed), await api.initialize(title, {}, keyed)]
  assert.deepEqual(sessions[1], sessions[0])
})
