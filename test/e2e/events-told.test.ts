/**
 * Every message of the catalogue is said by a platform that is used in every way, and each is as its
 * schema says: the platform's watch throws when it stops if one is not.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CATALOGUE } from '#events/catalogue.ts'
import { envelope } from '#events/envelope.ts'
import { jobMessageId, type RunJob } from '#events/jobs.ts'
import { subjects } from '#events/subjects.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { fetchJson } from '../support/fetch-json.ts'
import { until } from '../support/until.ts'
import { AccountsApi, freshUser } from './accounts-api.ts'
import { freshName, FunctionsApi, NODEJS_ECHO, type Job } from './functions-api.ts'
import { KEYED, LAMBDA_ENV, LambdaApi } from './lambda-api.ts'

const ADMIN_PASSWORD = 'a password for the tests'
/** Handed back when its executor is stopped, and done by the next one. */
const LONG = `
import time
def handler(event, context):
    if context["attempt"] == 1:
        time.sleep(60)
    return context["attempt"]
`

let platform: TestPlatform
let functions: FunctionsApi
before(async () => {
  platform = await startPlatform({ env: { ...LAMBDA_ENV, ADMIN_PASSWORD } })
  functions = new FunctionsApi(platform.url)
})
after(() => platform.stop())

const heard = (...types: readonly string[]) =>
  until(() => types.every((type) => platform.told.types.has(type)), { what: types.join(', ') })

test('functions, their names and their schedules', async () => {
  const id = await functions.register({ runtime: 'nodejs', schedule: { cron: '* * * * * *' } })
  await heard('source.check', 'schedule.ticked')
  await functions.change(id, { name: freshName(), schedule: null, retry: { attempts: 2 } })
  assert.equal((await functions.remove(id)).status, 204)
  await heard('function.deleted', 'function-name.released')
})

test('jobs of every outcome', async () => {
  const failing = 'def handler(event):\n    print("soon")\n    return event["nothing"]'
  const retried = await functions.register({
    ...{ code: failing, execution_type: 'async' },
    retry: { attempts: 2, backoff_ms: 10 },
  })
  await functions.accept(retried)
  await functions.call(await functions.register(), { n: 1 })
  await heard('job.succeeded', 'job.retrying', 'job.delayed', 'job.failed')

  const long = await functions.register({ code: LONG, execution_type: 'async', timeout_ms: 90_000 })
  const running = await functions.accept(long)
  await until(async () => (await functions.job(running.id)).status === 'running')
  await platform.kill('executor', 'SIGTERM')
  await functions.ended(running.id)
  const cancelled = await functions.data<Job>(202, `/functions/${long}/invoke?delay_ms=600000`, {
    json: {},
  })
  assert.equal(
    (await functions.ask(`/jobs/${cancelled.id}/cancel`, { method: 'POST' })).status,
    200,
  )
  await heard('job.started', 'job.returned', 'job.cancel', 'job.cancelled')
})

test('sessions and their cache', async () => {
  const name = freshName()
  await functions.register({ runtime: 'nodejs', name, code: NODEJS_ECHO })
  const lambda = new LambdaApi(platform.url, KEYED)
  const context = { user_id: 'grace', retain_session: true }
  const { request_id } = await lambda.initialize(`nodejs-${name}`, context)
  await lambda.executed(request_id, { n: 1 })
  assert.equal((await lambda.executed(request_id, { n: 1 })).cached, true)
  await lambda.close(request_id)
  await heard('session.initialized', 'session.closed', 'job.cached')
})

test('chunks and what is suggested of them', async () => {
  const json = { chunk_id: 'short', content: 'A few words.' }
  await functions.ask('/api/v1/chunks/analyze', { json })
  await heard('analysis.run', 'analysis.completed')
  const { id } = await until(async () => {
    const listed = await fetchJson<{ data: { id: string }[] }>(
      `${platform.url}/api/v1/optimizations`,
    )
    return listed.body.data[0]
  })
  const request = { method: 'PATCH', json: { status: 'applied' } }
  await functions.ask(`/api/v1/optimizations/${id}`, request)
  await heard('optimization.settle', 'optimization.settled')
})

test('users and keys', async () => {
  const api = new AccountsApi(platform.url)
  const admin = api.as(await api.token('admin', ADMIN_PASSWORD))
  const username = freshUser()
  await admin.createUser(username, ['jobs:read'])
  const at = `/api/v1/users/${username}`
  await admin.get(200, at, { method: 'PATCH', json: { scopes: ['admin'] } })
  const { key, id } = await admin.get<{ key: string; id: string }>(201, '/api/v1/keys', {
    json: { name: 'ci', scopes: ['jobs:read'] },
  })
  await functions.ask('/jobs/1', { headers: { 'x-api-key': key } })
  await heard('key.used')
  await admin.ask(`/api/v1/keys/${id}`, { method: 'DELETE' })
  await admin.ask(at, { method: 'DELETE' })
  await heard('user.deleted', 'key.revoked')
})

test('requests that come again', async () => {
  const headers = { 'Idempotency-Key': 'once' }
  const json = { name: freshName(), runtime: 'python', code: 'def', execution_type: 'sync' }
  await functions.ask('/functions', { json, headers })
  await functions.ask('/functions', {
    json: { ...json, name: freshName(), code: 'def handler(event): return 1' },
    headers: { 'Idempotency-Key': 'twice' },
  })
  await heard('key.held', 'key.answered')
})

test('what could not be done', async () => {
  const id = await functions.register({ execution_type: 'async' })
  const data = {
    ...{ job_id: 900_001, function_id: id, function_version: 1 },
    definition_seq: 999_999,
  }
  const time = new Date().toISOString()
  const command: RunJob = envelope(
    { source: 'sluice/edge', time, cause: { correlationid: 'lost' } },
    {
      ...{ id: jobMessageId.run(data.job_id), type: 'job.run', subject: String(id) },
      data: { ...data, runtime: 'python', owner: 'local', input: {}, accepted_at: time },
    },
  )
  const bus = await platform.openBus()
  await bus.js.publish(subjects.runJob('python', id), JSON.stringify(command), {
    msgID: command.id,
  })
  await heard('dead.letter')
  const redriven = `${platform.url}/api/v1/dead-letters/redrive`
  await until(async () => {
    const { status } = await fetchJson(redriven, { json: { consumer: `fn-${id}` } })
    return status === 200 && platform.told.types.has('dead.redriven')
  })
})

test('nothing of the catalogue was left unsaid', () => {
  const unsaid = Object.keys(CATALOGUE).filter((type) => !platform.told.types.has(type))
  assert.deepEqual(unsaid, [])
})
