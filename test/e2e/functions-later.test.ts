/** Jobs for later: accepted now, run when their time has come, whatever is killed until then. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startPlatform, type TestPlatform } from '#test/support/platform.ts'
import { until } from '#test/support/until.ts'
import { FunctionsApi, type Job } from './functions-api.ts'

interface LaterJob extends Job {
  readonly run_at: string | null
  readonly started_at: string | null
  readonly trigger: string
}

const MAX_S = 29 * 86_400

let platform: TestPlatform
let api: FunctionsApi
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
})
after(() => platform[Symbol.asyncDispose]())

const invokeLater = (id: number, query: string, json: unknown = {}, headers = {}) =>
  api.data<LaterJob>(202, `/functions/${id}/invoke?${query}`, { json, headers })
const endOf = async (id: number) => (await api.ended(id)) as LaterJob

describe('an invocation for later', () => {
  it('is pending at once, and run when its delay is over', async () => {
    const id = await api.register()
    const asked = Date.now()
    const accepted = await invokeLater(id, 'delay=5', { n: 1 })
    assert.equal(accepted.status, 'pending')
    assert.ok(Date.parse(accepted.run_at ?? '') >= asked + 5_000)
    const seen = (await api.job(accepted.id)) as LaterJob
    assert.equal(seen.status, 'pending')
    assert.equal(seen.run_at, accepted.run_at)
    assert.equal(seen.timestamp, accepted.timestamp)
    const { status, result, started_at, run_at, trigger } = await endOf(accepted.id)
    assert.deepEqual([status, result, trigger], ['success', { n: 1 }, 'invoke'])
    assert.equal(run_at, accepted.run_at)
    assert.ok(Date.parse(started_at ?? '') >= Date.parse(run_at ?? ''), 'not before')
  })

  it('is accepted, not waited for, whatever the function and the caller would rather', async () => {
    const id = await api.register({ execution_type: 'sync' })
    const runAt = new Date(Date.now() + 500).toISOString().replace('Z', '%2B00:00')
    const request = { json: { n: 2 }, headers: { prefer: 'wait=30' } }
    const answer = await api.ask(`/functions/${id}/invoke?run_at=${runAt}`, request)
    assert.equal(answer.status, 202)
    assert.equal(answer.headers.get('preference-applied'), null)
    const { id: job } = answer.body.data as LaterJob
    assert.deepEqual((await endOf(job)).result, { n: 2 })
  })

  it('whose time is over is run at once', async () => {
    const id = await api.register()
    const { id: job, run_at } = await invokeLater(id, 'run_at=2001-02-03t04:05:06.7-01:00')
    assert.equal(run_at, '2001-02-03T05:05:06.700Z')
    assert.equal((await endOf(job)).status, 'success')
  })

  it('is checked against the schema of its function when it is accepted', async () => {
    const id = await api.register({ schema: { params: { required: ['n'] } } })
    await api.refusal(400, `/functions/${id}/invoke?delay=5`, { json: {} })
  })

  it('runs the version that it was accepted with, although the function is changed or deleted', async () => {
    const id = await api.register({ code: 'def handler(event): return 1' })
    const { id: job, function_version } = await invokeLater(id, 'delay=1')
    await api.change(id, { code: 'def handler(event): return 2' })
    await api.remove(id)
    const end = await endOf(job)
    assert.deepEqual([end.result, end.function_version], [1, function_version])
  })

  it('is one job for one Idempotency-Key', async () => {
    const id = await api.register()
    const headers = { 'idempotency-key': `later-${id}` }
    const first = await invokeLater(id, 'delay=0.5', { n: 3 }, headers)
    const again = await invokeLater(id, 'delay=0.5', { n: 3 }, headers)
    assert.deepEqual(again, first)
    assert.deepEqual((await endOf(first.id)).result, { n: 3 })
    assert.equal((await api.jobs(id)).length, 1)
  })

  it('can be cancelled before its time', async () => {
    const id = await api.register()
    const { id: job } = await invokeLater(id, 'delay=5')
    await api.data(200, `/jobs/${job}/cancel`, { method: 'POST' })
    const { id: next } = await invokeLater(id, 'delay=5.2')
    await endOf(next)
    const { status, error } = await api.job(job)
    assert.deepEqual([status, error?.code], ['failed', 'CANCELLED'])
  })

  const refusals: readonly (readonly [query: string, field: string])[] = [
    ['delay=', 'delay'],
    ['delay=0', 'delay'],
    ['delay=-1', 'delay'],
    ['delay=1e3', 'delay'],
    ['delay=soon', 'delay'],
    [`delay=${MAX_S + 1}`, 'delay'],
    ['run_at=', 'run_at'],
    ['run_at=tomorrow', 'run_at'],
    ['run_at=2030-01-01T00:00:00', 'run_at'],
    ['run_at=2030-02-30T00:00:00Z', 'run_at'],
    ['run_at=2030-01-01T24:00:00Z', 'run_at'],
    ['run_at=9999-01-01T00:00:00Z', 'run_at'],
    ['delay=1&run_at=2030-01-01T00:00:00Z', 'run_at'],
  ]
  for (const [query, field] of refusals) {
    it(`is refused with ?${query}`, async () => {
      const id = await api.register()
      const { code, details } = await api.refusal(400, `/functions/${id}/invoke?${query}`, {
        json: {},
      })
      assert.deepEqual([code, details.field], ['INVALID_REQUEST', field])
      assert.deepEqual(await api.jobs(id), [])
    })
  }

  it('is not lost when everything is killed between its acceptance and its time', async () => {
    const id = await api.register()
    const large = 'x'.repeat(400_000)
    const jobs = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        invokeLater(id, `delay=${2 + n / 10}`, n === 0 ? { large } : { n }),
      ),
    )
    for (const part of ['edge', 'handler', 'executor', 'projector', 'nats-server']) {
      await platform.kill(part, 'SIGKILL')
    }
    const answers = () =>
      api.ask('/health').then(
        ({ status }) => status === 200,
        () => false,
      )
    await until(answers, { what: 'the platform to be back' })
    for (const [n, { id: job }] of jobs.entries()) {
      const asked = async () => {
        const { status, body } = await api.ask(`/jobs/${job}`)
        const seen = body.data as LaterJob | undefined
        return status === 200 && seen?.status !== 'pending' && seen?.status !== 'running'
      }
      await until(asked, { what: `the end of job ${job}` })
      const { status, result } = await endOf(job)
      assert.equal(status, 'success')
      assert.deepEqual(result, n === 0 ? { large } : { n })
    }
    assert.equal((await api.jobs(id)).length, jobs.length)
    assert.equal((await api.metrics(id)).invocations.total, jobs.length)
  })
})
