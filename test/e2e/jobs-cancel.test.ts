/** A cancelled job: it never runs, or runs no more, and whoever waits for it hears so at once. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import { EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import { startPlatform, type TestPlatform } from '#test/support/platform.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi, refusalOf, type Job } from './functions-api.ts'

/** Shows by its name on the host whether its process is there. */
const TITLED = `function handler(event) {
  if (event.title === undefined) return 'ran'
  process.title = event.title
  return new Promise((resolve) => setTimeout(resolve, 600_000))
}`
const LONG = { runtime: 'nodejs', code: TITLED, timeout_ms: 600_000 } as const
const ASYNC = { ...LONG, execution_type: 'async' } as const

describe('a cancel', () => {
  let platform: TestPlatform
  let api: FunctionsApi

  before(async () => {
    platform = await startPlatform({ env: { FUNCTION_CONCURRENCY: '1' } })
    api = new FunctionsApi(platform.url)
  })
  after(() => platform[Symbol.asyncDispose]())

  it('ends what runs long before it would, and its process is gone', async () => {
    const id = await api.register(ASYNC)
    const { id: jobId } = await api.accept(id, { title: 'cancelled-running' })
    await until(() => processExists('cancelled-running'))
    const { status, body } = await api.cancel(jobId)
    assert.equal(status, 200, JSON.stringify(body))
    const job = body.data as Job
    assert.deepEqual([job.status, job.cancelled, job.error?.code], ['failed', true, 'CANCELLED'])
    await until(async () => !(await processExists('cancelled-running')))
    assert.deepEqual(await api.job(jobId), job)
    // Its slot is free, and nothing of it comes later.
    assert.equal((await api.call(id, {}, { prefer: 'wait=120' })).result, 'ran')
    assert.deepEqual(await endsOf(id, jobId), ['job.cancelled'])
  })

  it('ends what waits at once, and it never runs', async () => {
    const id = await api.register(ASYNC)
    const first = await api.accept(id, { title: 'holds-the-slot' })
    await until(() => processExists('holds-the-slot'))
    const second = await api.accept(id, { title: 'never-runs' })
    const { body } = await api.cancel(second.id)
    assert.equal((body.data as Job).status, 'failed')
    assert.equal((body.data as Job).attempt, 0)
    assert.equal((await api.cancel(first.id)).status, 200)
    assert.equal((await api.call(id, {}, { prefer: 'wait=120' })).result, 'ran')
    assert.equal((await startsOf(id)).includes(second.id), false)
    assert.equal(await processExists('never-runs'), false)
  })

  it('answers again with the same job, and changes no other end', async () => {
    const id = await api.register(ASYNC)
    const { id: jobId } = await api.accept(id, { title: 'twice' })
    const once = await api.cancel(jobId)
    const twice = await api.cancel(jobId)
    assert.deepEqual([once.status, twice.status], [200, 200])
    assert.deepEqual(twice.body, once.body)
    const done = await api.call(id, {}, { prefer: 'wait=120' })
    const late = await api.cancel(done.id)
    assert.equal(late.status, 409)
    assert.equal(refusalOf(late.body).code, 'CONFLICT')
    assert.equal((await api.job(done.id)).cancelled, false)
    assert.equal((await api.cancel(9_999_999)).status, 404)
    const { total, successful, failed, cancelled } = (await api.metrics(id)).invocations
    assert.deepEqual([total, successful, failed, cancelled], [1, 1, 0, 1])
  })

  it('of many at once ends the job once', async () => {
    const id = await api.register(ASYNC)
    const { id: jobId } = await api.accept(id, { title: 'many' })
    const answers = await Promise.all(Array.from({ length: 10 }, () => api.cancel(jobId)))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    assert.deepEqual(await endsOf(id, jobId), ['job.cancelled'])
  })

  it('answers who waits: for a call that runs, and for a job that nobody has claimed', async () => {
    const called = await api.register(LONG)
    const calling = api.call(called, { title: 'a-call' })
    const running = () => api.jobs(called).then(([job]) => job)
    const { id: callId } = await until(running, { what: 'the call' })
    assert.equal((await api.cancel(callId)).status, 200)
    assert.equal((await calling).error?.code, 'CANCELLED')

    const id = await api.register(ASYNC)
    const { id: firstId } = await api.accept(id, { title: 'in-the-way' })
    const waiting = api.call(id, { title: 'waits' }, { prefer: 'wait=120' })
    const second = () => api.jobs(id).then(([newest]) => newest?.id !== firstId && newest)
    const { id: waitingId } = await until(second, { what: 'the second job' })
    await api.cancel(waitingId)
    const ended = await waiting
    assert.deepEqual([ended.id, ended.status, ended.cancelled], [waitingId, 'failed', true])
    await api.cancel(firstId)
  })

  it('holds for an executor that is killed before it heard of it, and for the next one', async () => {
    const id = await api.register(ASYNC)
    const { id: jobId } = await api.accept(id, { title: 'outlived' })
    await until(() => processExists('outlived'))
    const cancelling = api.cancel(jobId)
    await platform.kill('executor', 'SIGKILL')
    assert.equal((await cancelling).status, 200)
    // Behind the lease of the one that was killed, in the same slot.
    const next = await api.accept(id)
    assert.equal((await api.ended(next.id)).status, 'success')
    assert.deepEqual(await endsOf(id, jobId), ['job.cancelled'])
    assert.equal(await processExists('outlived'), false)
    assert.equal((await api.job(jobId)).cancelled, true)
  })

  /** Types of the ends of a job, in stream order. */
  async function endsOf(functionId: number, jobId: number): Promise<readonly string[]> {
    const events = await eventsOf(functionId)
    return events.filter(({ id }) => id === `job:${jobId}:end`).map(({ type }) => type)
  }

  async function startsOf(functionId: number): Promise<readonly number[]> {
    const events = await eventsOf(functionId)
    return events.filter(({ type }) => type === 'job.started').map(({ data }) => data.job_id)
  }

  async function eventsOf(functionId: number) {
    const found: { id: string; type: string; data: { job_id: number } }[] = []
    const options = { filter_subjects: filters.jobEventsOf(functionId) }
    await readToEnd(await platform.openBus(), EVENTS, options, (message) => {
      found.push(message.json())
    })
    return found
  }
})

async function processExists(title: string): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const named = await Promise.all(
    pids.map(async (pid) => {
      // It may be gone by now.
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return line.startsWith(title)
    }),
  )
  return named.includes(true)
}
