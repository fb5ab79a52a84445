/** How many runs of a function there are at once, how many may wait, and for how long. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startPart } from '#test/support/part.ts'
import { startPlatform, type TestPlatform } from '#test/support/platform.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi, refusalOf, type Job } from './functions-api.ts'

const CONCURRENCY = 3
/** Says from when to when it ran. */
const TIMED = `
import time
def handler(event):
    begun = time.time()
    time.sleep(event.get("seconds", 0))
    return [begun, time.time()]
`
const ASYNC = { code: TIMED, execution_type: 'async' } as const

interface Accepted extends Job {
  readonly queue_position: number | null
  readonly expected_start: string | null
}

describe('the queue of a function', () => {
  let platform: TestPlatform
  let api: FunctionsApi
  let another: AsyncDisposable

  before(async () => {
    platform = await startPlatform({ env: { EXECUTOR_CONCURRENCY: '8' } })
    another = await startPart('executor', platform, { EXECUTOR_CONCURRENCY: '8' })
    api = new FunctionsApi(platform.url)
  })
  after(async () => {
    await another[Symbol.asyncDispose]()
    await platform[Symbol.asyncDispose]()
  })

  it('has as many runs at once as it says, calls and jobs together, over two executors', async () => {
    const fields = { code: TIMED, concurrency: CONCURRENCY, timeout_ms: 60_000 }
    const id = await api.register(fields)
    const event = { seconds: 0.5 }
    const respondAsync = { prefer: 'respond-async' }
    const mixed = async (n: number) => {
      const accepted = Array.from({ length: n }, () => api.accept(id, event, respondAsync))
      const called = Array.from({ length: n }, () => api.call(id, event))
      const jobs = await Promise.all(accepted)
      const ended = await Promise.all([...called, ...jobs.map((job) => api.ended(job.id))])
      assert.deepEqual(new Set(ended.map(({ status }) => status)), new Set(['success']))
      return mostAtOnce(ended.map(({ result }) => result as [number, number]))
    }
    assert.equal(await mixed(9), CONCURRENCY)
    await api.change(id, { concurrency: 1 })
    assert.equal(await mixed(3), 1)
    await api.change(id, { concurrency: null })
    assert.ok((await mixed(6)) > 1)
  })

  it('is told to whoever is accepted, and refuses who finds it full', async () => {
    const id = await api.register({ ...ASYNC, concurrency: 1, max_queue_depth: 4 })
    const asked = Array.from({ length: 20 }, () => api.invoke(id, { seconds: 60 }))
    const answers = await Promise.all(asked)
    const accepted = answers.filter(({ status }) => status === 202)
    const refused = answers.filter(({ status }) => status === 429)
    assert.deepEqual([accepted.length, refused.length], [4, 16])
    const jobs = accepted.map(({ body }) => body.data as Accepted)
    assert.deepEqual(jobs.map((job) => job.queue_position).sort(), [1, 2, 3, 4])
    const [first] = jobs.filter((job) => job.queue_position === 1)
    const untilStart = Date.parse(first?.expected_start ?? '') - Date.parse(first?.timestamp ?? '')
    assert.ok(Math.abs(untilStart) < 1_000)
    assert.equal(jobs.find((job) => job.queue_position === 4)?.expected_start, null)
    for (const { body, headers } of refused) {
      const { code, details } = refusalOf(body)
      assert.equal(code, 'QUEUE_FULL')
      assert.equal(details['max_queue_depth'], 4)
      assert.ok(Number(headers.get('retry-after')) >= 1)
    }
    assert.equal((await api.jobs(id)).length, 4)
    for (const { id: jobId } of jobs) assert.equal((await api.cancel(jobId)).status, 200)
    const isTaken = async () => (await api.invoke(id)).status === 202
    await until(isTaken, { what: 'a place in the queue' })
  })

  it('moves, and then tells when a job is expected to start', async () => {
    const id = await api.register({ ...ASYNC, concurrency: 1 })
    const last = await until(
      async () => {
        // Faster than one at a time can end.
        const accepting = Array.from({ length: 5 }, () => api.accept(id, { seconds: 0.1 }))
        const jobs = (await Promise.all(accepting)) as Accepted[]
        return jobs.find((job) => (job.queue_position ?? 0) > 2 && job.expected_start !== null)
      },
      { pollMs: 200, what: 'an estimate' },
    )
    assert.ok(Date.parse(last.expected_start ?? '') > Date.parse(last.timestamp))
  })

  it('lets nothing start that has waited longer than its function wants', async () => {
    const id = await api.register({ ...ASYNC, concurrency: 1, timeout_ms: 300_000 })
    const first = await api.accept(id, { seconds: 120 })
    await until(async () => (await api.job(first.id)).status === 'running')
    await api.change(id, { max_queue_age: 1 })
    const second = await api.accept(id)
    const third = api.call(id, {}, { prefer: 'wait=120' })
    await until(async () => {
      const [newest, ...others] = await api.jobs(id)
      const age = Date.now() - Date.parse(newest?.timestamp ?? '')
      return others.length === 2 && age > 1_500
    })
    assert.equal((await api.cancel(first.id)).status, 200)
    const { status, error, result, attempt } = await api.ended(second.id)
    assert.deepEqual([status, error?.code, result, attempt], ['failed', 'EXPIRED', null, 0])
    assert.equal((await third).error?.code, 'EXPIRED')
    await api.change(id, { max_queue_age: null })
    assert.equal((await api.ended((await api.accept(id)).id)).status, 'success')
  })

  it('ends the job of a call that nobody waits for any more', async () => {
    const id = await api.register({ code: TIMED, concurrency: 1, timeout_ms: 2_000 })
    const ahead = Array.from({ length: 9 }, () =>
      api.accept(id, { seconds: 1.6 }, { prefer: 'respond-async' }),
    )
    await Promise.all(ahead)
    const { code, details } = refusalOf((await api.invoke(id)).body)
    assert.equal(code, 'TIMEOUT')
    const end = await api.ended(Number(details['job_id']))
    assert.deepEqual([end.status, end.error?.code], ['failed', 'EXPIRED'])
  })
})

function mostAtOnce(runs: readonly (readonly [number, number])[]): number {
  const steps = runs.flatMap(([begun, ended]) => [
    { at: begun, by: 1 },
    { at: ended, by: -1 },
  ])
  let now = 0
  let most = 0
  for (const { by } of steps.sort((a, b) => a.at - b.at || a.by - b.by)) {
    now += by
    most = Math.max(most, now)
  }
  return most
}
