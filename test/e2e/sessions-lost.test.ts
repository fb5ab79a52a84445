/** What becomes of sessions when what holds them goes, and when their time is over. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { envelope } from '#events/envelope.ts'
import { sessionMessageId, type SessionInitialized } from '#events/sessions.ts'
import { EVENTS } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { interpreterStates } from '../sandbox/support.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { freshName, FunctionsApi } from './functions-api.ts'
import { KEYED, LAMBDA_ENV, LambdaApi, NO_CACHE, RETAINED, type Refused } from './lambda-api.ts'

/** It counts its calls, and does as it is told. */
const COUNTER = `
let calls = 0
const kept = []
async function handler(event) {
  if (event.sleep) await new Promise((resolve) => setTimeout(resolve, event.sleep))
  if (event.spin) for (;;);
  if (event.keep) kept.push(new Array(event.keep * 131_072).fill(0.5))
  while (event.fill) kept.push(new Array(1_000_000).fill(0.5))
  if (event.throws) throw new RangeError('no')
  return ++calls
}`

let platform: TestPlatform
let functions: FunctionsApi
let api: LambdaApi
before(async () => {
  platform = await startPlatform({ env: LAMBDA_ENV })
  functions = new FunctionsApi(platform.url)
  api = new LambdaApi(platform.url, KEYED)
})
after(() => platform.stop())

async function register(): Promise<{ id: number; title: string }> {
  const name = freshName()
  const id = await functions.register({ runtime: 'nodejs', name, code: COUNTER })
  return { id, title: `nodejs-${name}` }
}

function assertLost({ error }: Refused): void {
  assert.equal(error.code, 'NOT_FOUND')
  assert.match(error.message, /lost/)
  assert.equal(error.details['reason'], 'session_lost')
}

/** Of the sandboxed interpreters below this process, the one that has taken the most memory. */
function largestInterpreter(): number {
  const sizeOf = (pid: number) => {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  }
  const pids = [...interpreterStates().keys()]
  const [largest] = pids.sort((a, b) => sizeOf(b) - sizeOf(a))
  assert.ok(largest !== undefined)
  return largest
}

test('a killed process takes its session along, and only that', async () => {
  const { title } = await register()
  const [one, other] = [
    await api.initialize(title, RETAINED),
    await api.initialize(title, RETAINED),
  ]
  assert.equal(await api.run(other.request_id), 1)
  assert.equal(await api.run(one.request_id, { keep: 60 }), 1)
  const pid = largestInterpreter()
  await until(() => interpreterStates().get(pid)?.stopped, { what: 'the frozen process' })
  assert.equal(await api.run(one.request_id), 2, 'thawed')
  process.kill(pid, 'SIGKILL')
  const isLost = async () => (await api.execute(one.request_id, {}, NO_CACHE)).status === 404
  await until(isLost, { what: 'the loss' })
  assertLost(await api.failed(404, one.request_id))
  assertLost(await api.refused(404, `/api/v1/sessions/${one.request_id}`))
  assert.equal(await api.run(other.request_id), 2)
})

test('a process that is killed while it runs is a loss, told in the answer and by the job', async () => {
  const { id, title } = await register()
  const { request_id } = await api.initialize(title, RETAINED)
  assert.equal(await api.run(request_id, { keep: 60 }), 1)
  const pid = largestInterpreter()
  const failing = api.failed(404, request_id, { sleep: 60_000 })
  const isRunning = async () => (await functions.jobs(id))[0]?.status === 'running'
  await until(isRunning, { what: 'the run' })
  process.kill(pid, 'SIGKILL')
  const refused = await failing
  assertLost(refused)
  const job = await functions.ended(Number(refused.error.details['job_id']))
  assert.equal(job.error?.code, 'SESSION_LOST')
})

const ENDS = [
  { what: 'its time', timeout_ms: 5_000, params: { spin: true }, status: 504, code: 'TIMEOUT' },
  {
    ...{ what: 'its memory', timeout_ms: 120_000, params: { fill: true } },
    ...{ status: 500, code: 'RUNTIME_ERROR' },
  },
]
for (const { what, timeout_ms, params, status, code } of ENDS) {
  test(`who runs out of ${what} loses the session`, async () => {
    const { title } = await register()
    const { request_id } = await api.initialize(title, { ...RETAINED, timeout_ms })
    assert.equal(await api.run(request_id), 1)
    const { error } = await api.failed(status, request_id, params)
    assert.equal(error.code, code)
    if (code === 'RUNTIME_ERROR') assert.equal(error.details['reason'], 'MEMORY_LIMIT')
    const isLost = async () => (await api.execute(request_id, {}, NO_CACHE)).status === 404
    await until(isLost, { what: 'the loss' })
    assertLost(await api.failed(404, request_id))
  })
}

test('an error of the code loses nothing, and says where it was', async () => {
  const { title } = await register()
  const { request_id } = await api.initialize(title, RETAINED)
  assert.equal(await api.run(request_id), 1)
  const { error } = await api.failed(500, request_id, { throws: true })
  assert.deepEqual(
    [error.code, error.message, error.details['type'], error.details['line']],
    ['RUNTIME_ERROR', 'no', 'RangeError', 9],
  )
  assert.match(String(error.details['stack_trace']), /RangeError/)
  assert.equal(typeof error.details['column'], 'number')
  assert.equal(await api.run(request_id), 2)
})

test('a session whose process a client closes while it runs ends its run', async () => {
  const { title } = await register()
  const { request_id } = await api.initialize(title, RETAINED)
  await api.run(request_id)
  const running = api.failed(404, request_id, { sleep: 60_000 })
  const isActive = async () => (await api.session(request_id)).status === 'active'
  await until(isActive)
  assert.equal((await api.close(request_id)).status, 204)
  assert.equal((await running).error.code, 'NOT_FOUND')
})

test('the sessions of a deleted function are gone, those of an updated one stay with it', async () => {
  const { id, title } = await register()
  const { request_id } = await api.initialize(title, RETAINED)
  assert.equal(await api.run(request_id), 1)
  await functions.change(id, { code: 'function handler() { return "new" }' })
  assert.equal(await api.run(request_id), 2)
  const clean = await api.initialize(title)
  assert.equal(await api.run(clean.request_id), 'new')
  await functions.remove(id)
  for (const session of [request_id, clean.request_id]) {
    assert.equal((await api.failed(404, session)).error.code, 'NOT_FOUND')
    await api.refused(404, `/api/v1/sessions/${session}`)
  }
})

test('what has expired is unknown', async () => {
  const { id, title } = await register()
  const { request_id } = await api.initialize(title)
  const bus = await platform.openBus()
  const stored = await bus.jsm.streams.getMessage(EVENTS, {
    last_by_subj: subjects.sessionEvent(id, 'initialized'),
  })
  const initialized = stored?.json<SessionInitialized>()
  assert.equal(initialized?.data.session_id, request_id)
  const session_id = randomUUID()
  const expires_at = new Date(Date.now() + 10_000).toISOString()
  const said = { source: 'test', time: new Date().toISOString(), cause: { correlationid: 'x' } }
  const event = envelope(said, {
    id: sessionMessageId.initialized(session_id),
    type: 'session.initialized',
    subject: String(id),
    data: { ...initialized.data, session_id, expires_at },
  })
  await bus.js.publish(subjects.sessionEvent(id, 'initialized'), JSON.stringify(event))
  await until(async () => (await api.execute(session_id)).status === 200, { what: 'the session' })
  const hasExpired = async () => (await api.execute(session_id)).status === 404
  await until(hasExpired, { what: 'its end' })
  assert.equal((await api.failed(404, session_id)).error.details['reason'], undefined)
  await api.refused(404, `/api/v1/sessions/${session_id}`)
})

test('a killed executor takes its sessions along; the next one serves new ones', async () => {
  const { title } = await register()
  const { request_id } = await api.initialize(title, RETAINED)
  const clean = await api.initialize(title)
  assert.equal(await api.run(request_id), 1)
  await platform.kill('executor')
  const isLost = async () => (await api.execute(request_id, {}, NO_CACHE)).status === 404
  await until(isLost, { what: 'the loss' })
  assertLost(await api.failed(404, request_id))
  const runs = async () => (await api.execute(clean.request_id, {}, NO_CACHE)).status === 200
  await until(runs, { what: 'the next executor' })
  const retained = async () => (await api.initialize(title, RETAINED)).request_id
  const next = await until(() => retained().catch(() => undefined))
  assert.equal(await api.run(next), 1)
})
