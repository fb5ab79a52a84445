/** A failed run is followed by another one, as often and as late as its function says. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import { EVENTS } from '#events/streams.ts'
import { startPlatform, type TestPlatform } from '#test/support/platform.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi, type Job } from './functions-api.ts'

/** Fails until its attempt is as high as the event says. */
const FAILING = `
def handler(event, context):
    if context["attempt"] < event["until"]:
        raise ValueError("not yet: " + str(context["attempt"]))
    return context["attempt"]
`
const FUNCTION = { code: FAILING, execution_type: 'async' } as const
const NEVER = { until: 100 }

interface Retried extends Job {
  readonly retry_at: string | null
}

describe('a retry policy', () => {
  let platform: TestPlatform
  let api: FunctionsApi

  before(async () => {
    platform = await startPlatform()
    api = new FunctionsApi(platform.url)
  })
  after(() => platform[Symbol.asyncDispose]())

  it('runs the job again until it succeeds, under the next attempt', async () => {
    const id = await api.register({ ...FUNCTION, retry: { attempts: 5, backoff_ms: 20 } })
    const end = await api.ended((await api.accept(id, { until: 3 })).id)
    const { status, result, attempt, error } = end
    assert.deepEqual([status, result, attempt, error], ['success', 3, 3, null])
    assert.equal((end as Retried).retry_at, null)
    assert.deepEqual(await factsOf(id), ['retrying 1', 'retrying 2', 'succeeded 3'])
    const { total, successful } = (await api.metrics(id)).invocations
    assert.deepEqual([total, successful], [1, 1])
  })

  it('ends with the last failure when no run is left', async () => {
    const id = await api.register({ ...FUNCTION, retry: { attempts: 3, backoff_ms: 1 } })
    const end = await api.ended((await api.accept(id, NEVER)).id)
    assert.deepEqual([end.status, end.error?.code, end.attempt], ['failed', 'RUNTIME_ERROR', 3])
    assert.match(end.error?.message ?? '', /not yet: 3/)
    assert.deepEqual(await factsOf(id), ['retrying 1', 'retrying 2', 'failed 3'])
  })

  it('leaves codes alone that it does not name, and calls whose caller waits', async () => {
    const retry = { attempts: 3, backoff_ms: 1, codes: ['TIMEOUT', 'MEMORY_LIMIT'] }
    const named = await api.register({ ...FUNCTION, retry })
    assert.equal((await api.ended((await api.accept(named, NEVER)).id)).attempt, 1)
    const called = await api.register({ code: FAILING, retry: { attempts: 3, backoff_ms: 1 } })
    assert.equal((await api.call(called, NEVER)).attempt, 1)
    assert.deepEqual(await factsOf(called), ['failed 1'])
    const counted = await api.register({ code: FAILING, concurrency: 1, retry: { attempts: 3 } })
    assert.equal((await api.call(counted, NEVER)).attempt, 1)
  })

  it('shows why and until when it waits, holds no slot meanwhile, and can be cancelled', async () => {
    const retry = { attempts: 2, backoff_ms: 600_000, max_backoff_ms: 600_000 }
    const id = await api.register({ ...FUNCTION, retry, concurrency: 1 })
    const { id: jobId } = await api.accept(id, NEVER)
    const waiting = await waitingFor(jobId)
    assert.deepEqual([waiting.status, waiting.attempt], ['running', 1])
    assert.equal(waiting.error?.code, 'RUNTIME_ERROR')
    const delayMs = Date.parse(waiting.retry_at ?? '') - Date.now()
    assert.ok(delayMs > 290_000 && delayMs <= 600_000)
    const why = await api.data<{ summary: string; limits: object }>(200, `/jobs/${jobId}/explain`)
    assert.match(why.summary, /^It waits to be tried again at .*RUNTIME_ERROR/)
    const other = await api.ended((await api.accept(id, { until: 1 })).id)
    assert.equal(other.status, 'success')
    assert.equal((await api.cancel(jobId)).status, 200)
    const { cancelled, attempt, error } = await api.job(jobId)
    assert.deepEqual([cancelled, attempt, error?.code], [true, 1, 'CANCELLED'])
  })

  it('is kept through kills of whoever ran it and of whoever wakes it', async () => {
    const retry = { attempts: 3, backoff_ms: 2_000, max_backoff_ms: 2_000 }
    const id = await api.register({ ...FUNCTION, retry })
    const jobs = await Promise.all(Array.from({ length: 5 }, () => api.accept(id, NEVER)))
    for (const { id: jobId } of jobs) await waitingFor(jobId)
    await Promise.all([platform.kill('executor', 'SIGKILL'), platform.kill('handler', 'SIGKILL')])
    for (const { id: jobId } of jobs) {
      const { status, error, attempt } = await api.ended(jobId)
      assert.deepEqual([status, error?.code, attempt], ['failed', 'RUNTIME_ERROR', 3])
    }
    const facts = (await factsOf(id)).toSorted()
    const five = (fact: string) => Array.from({ length: 5 }, () => fact)
    assert.deepEqual(facts, [...five('failed 3'), ...five('retrying 1'), ...five('retrying 2')])
  })

  it('survives a kill in the very moment of a failure', async () => {
    const retry = { attempts: 4, backoff_ms: 1 }
    const id = await api.register({ ...FUNCTION, retry })
    const jobs = await Promise.all(Array.from({ length: 30 }, () => api.accept(id, NEVER)))
    const some = async () => (await factsOf(id)).length >= 10
    await until(some, { what: 'failures' })
    await platform.kill('executor', 'SIGKILL')
    for (const { id: jobId } of jobs) {
      assert.equal((await api.ended(jobId)).error?.code, 'RUNTIME_ERROR')
    }
    const facts = await factsOf(id)
    assert.equal(facts.filter((fact) => fact.startsWith('retrying')).length, 3 * jobs.length)
    assert.equal(facts.filter((fact) => fact.startsWith('failed')).length, jobs.length)
  })

  function waitingFor(jobId: number): Promise<Retried> {
    const shown = async () => {
      const job = (await api.job(jobId)) as Retried
      return job.retry_at !== null && job
    }
    return until(shown, { what: `a retry of job ${jobId}` })
  }

  /** What became of the runs that ended, with their attempts, in stream order. */
  async function factsOf(functionId: number): Promise<readonly string[]> {
    const facts = ['retrying', 'succeeded', 'failed']
    const filter_subjects = facts.map((fact) => `evt.job.${functionId}.${fact}`)
    const found: string[] = []
    await readToEnd(await platform.openBus(), EVENTS, { filter_subjects }, (message) => {
      const { data } = message.json<{ data: { attempt: number } }>()
      found.push(`${message.subject.split('.').at(-1)} ${data.attempt}`)
    })
    return found
  }
})
