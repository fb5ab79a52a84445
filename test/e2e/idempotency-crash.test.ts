/** Idempotency-Key through crashes: whatever dies in between, a key that is tried on has one effect. */
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { after, before, test } from 'node:test'
import type { Bus } from '#events/jetstream/bus.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { tempDir } from '../support/temp-dir.ts'
import { until } from '../support/until.ts'
import { FunctionsApi, freshName, PYTHON_ECHO, type Answer, type Job } from './functions-api.ts'
import { isReplay, keyed, newestWord, sayHeld, settled } from './keyed.ts'

const IN_FLIGHT = 24

let platform: TestPlatform
let bus: Bus
let api: FunctionsApi
before(async () => {
  platform = await startPlatform()
  bus = await platform.openBus()
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

/** What the edge does not live to answer. */
const unanswered = (asking: Promise<Answer>) => asking.catch(() => undefined)
const jobOf = ({ body }: Answer) => (body.data as Job).id

test('a call whose edge dies under it is answered with the job that it began', async () => {
  const id = await api.register({
    code: 'import time\ndef handler(event):\n    time.sleep(12)\n    return event["n"]',
  })
  const ask = () => api.invoke(id, { n: 7 }, keyed('call'))
  const asking = unanswered(ask())
  const [running] = await until(async () => {
    const jobs = await api.jobs(id)
    return jobs[0]?.status === 'running' && jobs
  })
  await platform.kill('edge', 'SIGKILL')
  assert.equal(await asking, undefined)
  const again = await settled(ask)
  assert.deepEqual([again.status, jobOf(again)], [200, running?.id])
  assert.equal((again.body.data as Job).result, 7)
  assert.equal((await api.jobs(id)).length, 1)
  assert.ok(isReplay(await ask()))
})

test('a job whose edge dies while it waits for the outcome is accepted once', async () => {
  const id = await api.register({
    execution_type: 'async',
    code: 'import time\ndef handler(event):\n    time.sleep(12)',
  })
  const ask = () => api.invoke(id, {}, { ...keyed('wait'), prefer: 'wait=120' })
  const asking = unanswered(ask())
  await until(async () => (await api.jobs(id)).length === 1)
  await platform.kill('edge', 'SIGKILL')
  assert.equal(await asking, undefined)
  const again = await settled(ask)
  assert.deepEqual([again.status, (await api.jobs(id)).map((job) => job.id)], [200, [jobOf(again)]])
})

test('a registration whose edge dies before it is decided is decided once', async () => {
  const json = {
    name: freshName(),
    runtime: 'python',
    code: PYTHON_ECHO,
    execution_type: 'sync',
  }
  const ask = () => api.ask('/functions', { json, headers: keyed('register') })
  const thaw = platform.freeze('handler')
  const asking = unanswered(ask())
  const created = await until(async () => {
    const word = await newestWord(bus, 'register')
    return word?.type === 'key.held' && word.data.created_id
  })
  await until(async () => {
    const stored = await bus.jsm.streams.getMessage('COMMANDS', {
      last_by_subj: 'cmd.function.register',
    })
    return stored?.json<{ subject: string }>().subject === String(created)
  })
  await platform.kill('edge', 'SIGKILL')
  thaw()
  assert.equal(await asking, undefined)
  const again = await settled(ask)
  assert.deepEqual([again.status, again.body.data], [201, { function_id: created, version: 1 }])
  const { functions } = await api.data<{ functions: { name: string }[] }>(200, '/functions')
  assert.equal(functions.filter(({ name }) => name === json.name).length, 1)
})

test('killed at any moment, each key has one effect', async () => {
  const sync = await api.register()
  const later = await api.register({ execution_type: 'async' })
  const names = Array.from({ length: IN_FLIGHT }, freshName)
  const asks = names.flatMap((name, n) => [
    () => api.invoke(sync, { n }, keyed(`any-sync-${n}`)),
    () => api.invoke(later, { n }, keyed(`any-async-${n}`)),
    () =>
      api.ask('/functions', {
        json: { name, runtime: 'python', code: PYTHON_ECHO, execution_type: 'sync' },
        headers: keyed(`any-register-${n}`),
      }),
  ])
  const asking = asks.map(async (ask, n) => {
    await wait(4 * n)
    return unanswered(ask())
  })
  await wait(2 * asks.length)
  await platform.kill('edge', 'SIGKILL')
  const early = await Promise.all(asking)
  assert.ok(early.some((answer) => answer === undefined))
  const answers = await Promise.all(asks.map(settled))
  for (const [n, answer] of answers.entries()) {
    const before = early[n]
    if (before !== undefined && before.status < 300) assert.deepEqual(answer.body, before.body)
  }
  for (const id of [sync, later]) {
    const jobs = await api.jobs(id)
    assert.equal(jobs.length, IN_FLIGHT)
  }
  const { functions } = await api.data<{ functions: { name: string }[] }>(200, '/functions')
  const made = functions.map(({ name }) => name).filter((name) => names.includes(name))
  assert.deepEqual(made.sort(), names.sort())
})

test('an edge that was paused while another took its request does not start it', async () => {
  const id = await api.register({ execution_type: 'async' })
  const thawNats = platform.freeze('nats-server')
  const asking = unanswered(api.invoke(id, {}, keyed('paused')))
  // Its first word lies in the server's socket by then; if not, it says it to a key that is taken.
  await wait(300)
  const thawEdge = platform.freeze('edge')
  thawNats()
  await sayHeld(bus, 'paused', { fingerprint: 'f', leaseMs: 60_000, created: null })
  thawEdge()
  const answer = await asking
  assert.ok(answer !== undefined && [409, 422].includes(answer.status), `${answer?.status}`)
  assert.deepEqual(await api.jobs(id), [])
  assert.equal((await newestWord(bus, 'paused'))?.source, 'test')
})

test('an answer outlives a restart of everything', async () => {
  await using home = await tempDir('home')
  let id = 0
  let first: Answer | undefined
  for (const round of [1, 2]) {
    await using platform = await startPlatform({ home: home.path })
    const api = new FunctionsApi(platform.url)
    if (round === 1) id = await api.register()
    const answer = await api.invoke(id, { n: 1 }, keyed('kept'))
    if (round === 1) first = answer
    else assert.ok(isReplay(answer))
    assert.deepEqual(answer.body, first?.body)
    assert.equal((await api.jobs(id)).length, 1)
  }
})
