/** Why a job waits, ran or failed, as its explanation tells it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { FunctionsApi } from './functions-api.ts'

interface Explanation {
  readonly id: number
  readonly status: string
  readonly summary: string
  readonly complete: boolean
  readonly chain: readonly { at: string; what: string; [detail: string]: unknown }[]
  readonly limits: Readonly<Record<string, unknown>>
  readonly waiting?: {
    readonly position: number | null
    readonly ahead: number | null
    readonly in_flight: number
    readonly concurrency: number
    readonly executors: { present: number; able: number; reason?: string }
    readonly expected_start: string | null
  }
}

let platform: TestPlatform
let api: FunctionsApi
before(async () => {
  platform = await startPlatform({ env: { FUNCTION_CONCURRENCY: '1' } })
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

const explain = (id: number) => api.data<Explanation>(200, `/jobs/${id}/explain`)
const whats = ({ chain }: Explanation) => chain.map(({ what }) => what)

test('a job that ran is explained by its start and its end', async () => {
  const id = await api.register({ timeout_ms: 5_000, memory_mb: 96 })
  const job = await api.call(id)
  const told = await explain(job.id)
  assert.match(told.summary, /^It ran to its end in [\d.]+ ms, at attempt 1\.$/)
  assert.deepEqual(whats(told), ['accepted', 'started', 'succeeded'])
  assert.equal(told.complete, true)
  assert.equal(told.waiting, undefined)
  assert.deepEqual(told.limits, { concurrency: 1, timeout_ms: 5_000, memory_mb: 96 })
  assert.equal(told.chain[0]?.['function_version'], 1)
})

test('a run that takes longer than a moment is told to have started when it did', async () => {
  const code = 'import time\ndef handler(event):\n    time.sleep(event)'
  const id = await api.register({ code })
  const { chain } = await explain((await api.call(id, 0.4)).id)
  const [started, ended] = ['started', 'succeeded'].map((what) =>
    Date.parse(chain.find((step) => step.what === what)?.at ?? ''),
  )
  assert.ok(Number(ended) - Number(started) >= 380, JSON.stringify(chain))
})

test('its limits are those of the version that it was accepted with', async () => {
  const id = await api.register({ timeout_ms: 5_000 })
  const job = await api.call(id)
  await api.change(id, { timeout_ms: 6_000 })
  assert.equal((await explain(job.id)).limits['timeout_ms'], 5_000)
})

test('a job that failed is explained by what stopped it', async () => {
  for (const [code, fields, reason] of [
    ['TIMEOUT', { code: 'def handler(event):\n    while True: pass', timeout_ms: 200 }, /time-out/],
    ['RUNTIME_ERROR', { code: 'def handler(event): raise ValueError("no")' }, /raised an error/],
  ] as const) {
    const job = await api.call(await api.register(fields))
    const told = await explain(job.id)
    assert.match(told.summary, reason)
    const end = told.chain.at(-1)
    assert.equal(end?.what, 'failed')
    assert.equal((end['error'] as { code: string; stack?: string }).code, code)
    assert.equal('stack' in (end['error'] as object), false)
  }
})

test('a job in the queue is told what is ahead of it', async () => {
  const code = 'import time\ndef handler(event):\n    time.sleep(event)'
  const id = await api.register({ code, execution_type: 'async', timeout_ms: 300_000 })
  const first = await api.accept(id, 120)
  await until(async () => (await api.job(first.id)).status === 'running')
  assert.match((await explain(first.id)).summary, /^It runs: attempt 1, since /)
  await api.accept(id, 0)
  const last = await api.accept(id, 0)
  const told = await until(async () => {
    const now = await explain(last.id)
    return now.waiting?.position === 2 && now
  })
  assert.match(told.summary, /^It waits for its turn: 1 of at most 1 runs/)
  assert.deepEqual(whats(told), ['accepted'])
  const { ahead, in_flight, concurrency, executors } = told.waiting ?? {}
  assert.deepEqual([ahead, in_flight, concurrency], [1, 1, 1])
  assert.deepEqual([executors?.present, executors?.able], [1, 1])
  assert.equal((await api.cancel(first.id)).status, 200)
  assert.equal((await api.ended(last.id)).status, 'success')
  assert.equal((await explain(last.id)).waiting, undefined)
})

test('a job whose executor died tells of each attempt', async () => {
  const code =
    'import time\ndef handler(event, context):\n    if context["attempt"] == 1: time.sleep(60)'
  const id = await api.register({ code, execution_type: 'async', timeout_ms: 120_000 })
  const job = await api.accept(id)
  await until(async () => (await api.job(job.id)).status === 'running')
  await platform.kill('executor', 'SIGKILL')
  await api.ended(job.id)
  const told = await explain(job.id)
  assert.deepEqual(whats(told), ['accepted', 'started', 'started', 'succeeded'])
  assert.match(told.summary, /at attempt 2\.$/)
})

test('a job that nobody is there to run says so', async () => {
  const id = await api.register({ execution_type: 'async' })
  const thaw = platform.freeze('executor')
  const job = await api.accept(id)
  // Presence lasts some seconds.
  const told = await until(async () => {
    const now = await explain(job.id)
    return now.waiting?.executors.present === 0 && now
  })
  thaw()
  assert.equal(told.summary, 'It waits: no executor is here.')
  assert.equal(told.waiting?.expected_start, null)
  await api.ended(job.id)
})

test('an unknown job has no explanation', async () => {
  await api.refusal(404, '/jobs/999999/explain')
  await api.refusal(400, '/jobs/x/explain')
})
