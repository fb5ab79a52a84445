/** What a function has done: its jobs by page and status, its metrics in numbers. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { FunctionsApi, type Job } from './functions-api.ts'

interface Page {
  readonly jobs: readonly Job[]
  readonly page: number
  readonly per_page: number
  readonly has_more: boolean
  readonly next_before?: number
}

const FAILS_AT_ODD = 'def handler(event):\n    assert event["n"] % 2 == 0\n    return event["n"]'

let platform: TestPlatform
let api: FunctionsApi
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

const ids = (jobs: readonly Job[]) => jobs.map(({ id }) => id)

test('jobs come a hundred at a time, newest first, and every one of them once', async () => {
  const id = await api.register({ code: FAILS_AT_ODD })
  const made: number[] = []
  for (let n = 0; n < 205; n++) made.unshift((await api.call(id, { n })).id)
  const page = (query = '') => api.data<Page>(200, `/functions/${id}/jobs${query}`)

  const first = await page()
  assert.deepEqual(ids(first.jobs), made.slice(0, 100))
  assert.deepEqual([first.page, first.per_page, first.has_more], [1, 100, true])
  assert.deepEqual(ids((await page('?page=2')).jobs), made.slice(100, 200))
  const last = await page('?page=3')
  assert.deepEqual([ids(last.jobs), last.has_more], [made.slice(200), false])
  assert.deepEqual((await page('?page=4')).jobs, [])
  assert.deepEqual(ids((await page('?page=3&per_page=7')).jobs), made.slice(14, 21))
  const exact = await page('?page=5&per_page=41')
  assert.deepEqual([exact.jobs.length, exact.has_more], [41, false])

  const failed = await page('?status=failed&per_page=50')
  assert.deepEqual(ids(failed.jobs), made.filter((_, at) => (204 - at) % 2 === 1).slice(0, 50))
  assert.ok(failed.jobs.every(({ status, result }) => status === 'failed' && result === null))
  assert.equal((await page('?status=success&page=2')).jobs.length, 3)
  assert.deepEqual((await page('?status=pending')).jobs, [])
})

test('metrics count each end once, in the units of the document', async () => {
  const code = [
    'import time',
    'def handler(event):',
    '    keep = bytearray(event["mb"] * 1024 * 1024)',
    '    until = time.perf_counter() + event["ms"] / 1000',
    '    while time.perf_counter() < until: pass',
    '    return len(keep) // event["by"]',
  ].join('\n')
  const id = await api.register({ code })
  const durations: number[] = []
  for (const event of [
    { ms: 60, mb: 1, by: 1 },
    { ms: 100, mb: 40, by: 1 },
    { ms: 20, mb: 1, by: 0 },
  ]) {
    const { duration } = await api.call(id, event)
    durations.push(duration ?? NaN)
  }
  const metrics = await api.metrics(id)
  assert.deepEqual(metrics.invocations, { total: 3, successful: 2, failed: 1, cancelled: 0 })
  assert.equal(metrics.success_rate, 66.67)
  const average = durations.reduce((sum, duration) => sum + duration, 0) / 3
  assert.ok(Math.abs(parseFloat(metrics.avg_execution_time) - average) < 0.02)
  const cpu = parseFloat(metrics.cpu_usage)
  assert.ok(cpu > 0 && cpu <= 110, metrics.cpu_usage)
  const memory = parseFloat(metrics.memory_usage)
  assert.ok(memory >= 40 && memory <= 128, metrics.memory_usage)
})

test('a cursor reads on below a job, and far pages ask for one', async () => {
  const id = await api.register()
  const other = await api.register()
  const stranger = await api.call(other)
  const made: number[] = []
  for (let n = 0; n < 5; n++) made.unshift((await api.call(id, n)).id)
  const seen: number[] = []
  for (let query = '?per_page=2'; ;) {
    const page = await api.data<Page>(200, `/functions/${id}/jobs${query}`)
    seen.push(...page.jobs.map((job) => job.id))
    assert.equal(page.next_before, page.has_more ? seen.at(-1) : undefined)
    if (!page.has_more) break
    query = `?per_page=2&before=${page.next_before}`
  }
  assert.deepEqual(seen, made)
  for (const before of ['x', '0', '-1', '', String(stranger.id), '900000000']) {
    const { details } = await api.refusal(400, `/functions/${id}/jobs?before=${before}`)
    assert.equal(details['field'], 'before')
  }
  assert.deepEqual(await api.jobs(id, '?page=100'), [])
  const { message } = await api.refusal(400, `/functions/${id}/jobs?page=101`)
  assert.match(message, /before=/)
})

test('the log of the edge says which request made which job', async () => {
  const id = await api.register()
  const bad = await api.register({ code: 'def handler(event): return 1 / 0' })
  const headers = { 'x-request-id': 'logged-call' }
  const failed = await api.call(bad, {}, headers)
  const accepted = await api.accept(id, {}, { ...headers, prefer: 'respond-async' })
  for (const [job, event, status, functionId] of [
    [failed, 'job_ended', 'failed', bad],
    [accepted, 'job_accepted', 'pending', id],
  ] as const) {
    const line = await until(() =>
      platform.lines
        .filter((text) => text.includes(`"event":"${event}"`))
        .map((text) => JSON.parse(text) as Record<string, unknown>)
        .find(({ job_id }) => job_id === job.id),
    )
    const { level, request_id, correlation_id, duration_ms, ...rest } = line
    assert.deepEqual([level, request_id, correlation_id], ['INFO', 'logged-call', 'logged-call'])
    assert.deepEqual([rest['status'], rest['function_id']], [status, functionId])
    assert.equal(typeof duration_ms, 'number')
  }
})
