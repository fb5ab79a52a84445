/** Idempotency-Key: many requests, one effect, one answer. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Bus } from '#events/jetstream/bus.ts'
import { openIds } from '#events/jetstream/ids.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { FunctionsApi, freshName, PYTHON_ECHO, type Answer, type Job } from './functions-api.ts'
import { isReplay, keyed, newestWord, sayHeld, settled } from './keyed.ts'

const AT_ONCE = 50

let platform: TestPlatform
let bus: Bus
let api: FunctionsApi
before(async () => {
  platform = await startPlatform()
  bus = await platform.openBus()
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

const input = () => ({
  name: freshName(),
  runtime: 'python',
  code: PYTHON_ECHO,
  execution_type: 'sync',
})

/** The answers of one effect: it, replays of it, and those who came while it was made. */
async function fromOneEffect(ask: () => Promise<Answer>, status: number): Promise<Answer> {
  const answers = await Promise.all(Array.from({ length: AT_ONCE }, ask))
  const made = answers.filter((answer) => answer.status === status)
  const told = answers.filter((answer) => answer.status === 409)
  assert.equal(made.length + told.length, AT_ONCE, JSON.stringify(answers.map((a) => a.status)))
  for (const { headers, body } of told) {
    assert.equal(headers.get('retry-after'), '1')
    assert.equal(body.error?.code, 'CONFLICT')
  }
  assert.equal(made.filter((answer) => !isReplay(answer)).length, 1)
  const last = await ask()
  assert.ok(isReplay(last))
  for (const { body } of made) assert.deepEqual(body, last.body)
  return last
}

test('many registrations with one key make one function', async () => {
  const json = input()
  const ask = () => api.ask('/functions', { json, headers: keyed('register') })
  const answer = await fromOneEffect(ask, 201)
  const { function_id } = answer.body.data as { function_id: number }
  assert.equal(answer.headers.get('location'), `/functions/${function_id}`)
  const { functions } = await api.data<{ functions: { name: string }[] }>(200, '/functions')
  assert.equal(functions.filter(({ name }) => name === json.name).length, 1)
})

test('many asynchronous invocations with one key make one job', async () => {
  const id = await api.register({ execution_type: 'async' })
  const answer = await fromOneEffect(() => api.invoke(id, { n: 1 }, keyed('async')), 202)
  const jobs = await api.jobs(id)
  assert.deepEqual(
    jobs.map((job) => job.id),
    [(answer.body.data as Job).id],
  )
})

test('many synchronous invocations with one key run once', async () => {
  const id = await api.register()
  await fromOneEffect(() => api.invoke(id, { n: 1 }, keyed('sync')), 200)
  assert.equal((await api.jobs(id)).length, 1)
})

test('a key without quotes is the same key', async () => {
  const id = await api.register()
  const first = await api.invoke(id, 1, keyed('"quoted"'))
  const second = await api.invoke(id, 1, keyed('quoted'))
  assert.deepEqual([isReplay(first), isReplay(second)], [false, true])
  assert.deepEqual(first.body, second.body)
})

test('what is no key is refused', async () => {
  const id = await api.register()
  for (const key of ['""', '"open', 'a b', 'x'.repeat(256)]) {
    const { code, details } = await api.refusal(400, `/functions/${id}/invoke`, {
      json: {},
      headers: keyed(key),
    })
    assert.deepEqual([code, details['field']], ['INVALID_REQUEST', 'Idempotency-Key'])
  }
})

test('a key that came with another request is refused', async () => {
  const [id, other] = [await api.register(), await api.register()]
  const first = await api.invoke(id, { a: 1, b: 2 }, keyed('used'))
  assert.equal(first.status, 200)
  const again = await api.invoke(id, { b: 2, a: 1 }, keyed('used'))
  assert.ok(isReplay(again))
  for (const answer of [
    await api.invoke(id, { a: 1, b: 3 }, keyed('used')),
    await api.invoke(other, { a: 1, b: 2 }, keyed('used')),
    await api.invoke(id, { a: 1, b: 2 }, { ...keyed('used'), prefer: 'respond-async' }),
    await api.ask('/functions', { json: input(), headers: keyed('used') }),
  ]) {
    assert.deepEqual([answer.status, answer.body.error?.code], [422, 'KEY_REUSED'])
  }
})

test('a decided refusal is kept', async () => {
  const json = { ...input(), name: freshName() }
  const id = await api.register({ name: json.name })
  const ask = () => api.ask('/functions', { json, headers: keyed('taken') })
  assert.equal((await ask()).body.error?.code, 'NAME_TAKEN')
  await api.remove(id)
  const again = await ask()
  assert.deepEqual([again.status, isReplay(again)], [409, true])
})

test('a refusal of the request itself frees the key', async () => {
  const id = await api.register()
  const gone = await api.invoke(999_999, {}, keyed('mended'))
  assert.equal(gone.status, 404)
  const broken = { ...input(), code: 'def handler(' }
  const refused = await api.ask('/functions', { json: broken, headers: keyed('mended') })
  assert.equal(refused.body.error?.code, 'CODE_INVALID')
  const invalid = await api.ask('/functions', { json: {}, headers: keyed('mended') })
  assert.equal(invalid.status, 400)
  const done = await api.invoke(id, {}, keyed('mended'))
  assert.deepEqual([done.status, isReplay(done)], [200, false])
})

test('a failed run is an outcome like any other', async () => {
  const code = 'def handler(event): raise ValueError("no")'
  const id = await api.register({ code })
  const first = await api.invoke(id, {}, keyed('failing'))
  const second = await api.invoke(id, {}, keyed('failing'))
  assert.equal((first.body.data as Job).status, 'failed')
  assert.deepEqual(first.body, second.body)
  assert.equal((await api.jobs(id)).length, 1)
})

test('a large answer is kept whole', async () => {
  const code = 'def handler(event): return "x" * 600_000'
  const id = await api.register({ code })
  const first = await api.invoke(id, {}, keyed('large'))
  const second = await api.invoke(id, {}, keyed('large'))
  assert.ok(isReplay(second))
  assert.deepEqual(first.body, second.body)
})

test('the key of another owner is another key', async () => {
  const id = await api.register()
  const fingerprint = 'of something else'
  await sayHeld(bus, 'shared', { owner: 'stranger', fingerprint, leaseMs: 60_000, created: null })
  assert.equal((await api.invoke(id, {}, keyed('shared'))).status, 200)
})

test('where nothing is created the header says nothing', async () => {
  const id = await api.register()
  const read = await api.ask(`/functions/${id}`, { headers: keyed('a b') })
  assert.equal(read.status, 200)
})

test('a key in progress is told to come back, also beyond its first lease', async () => {
  const code = 'import time\ndef handler(event):\n    time.sleep(17)\n    return 1'
  const id = await api.register({ code })
  const running = api.invoke(id, {}, keyed('slow'))
  let told = 0
  const again = settled(async () => {
    const answer = await api.invoke(id, {}, keyed('slow'))
    if (answer.status === 409) told++
    return answer
  })
  assert.equal((await running).status, 200)
  assert.deepEqual((await again).body, (await running).body)
  assert.ok(told > 0 && isReplay(await again))
  assert.equal((await api.jobs(id)).length, 1)
})

test('whoever finds a lease over goes on with the same id, once', async () => {
  const jobIds = await openIds(bus.nc, 'job')
  for (const execution_type of ['async', 'sync']) {
    const id = await api.register({ execution_type })
    const key = `left-${execution_type}`
    await api.invoke(id, {}, keyed(key))
    const word = await newestWord(bus, key)
    const { fingerprint } = word?.data as { fingerprint: string }
    // As if whoever had the key died before its effect.
    const created = await jobIds.take()
    await sayHeld(bus, key, { fingerprint, leaseMs: 6_000, created })
    assert.equal((await api.invoke(id, {}, keyed(key))).status, 409)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => settled(() => api.invoke(id, {}, keyed(key)))),
    )
    for (const { body } of answers) assert.equal((body.data as Job).id, created)
    assert.equal((await api.jobs(id)).filter((job) => job.id === created).length, 1)
    assert.equal((await api.jobs(id)).length, 2)
    // And as if it died after it.
    await sayHeld(bus, key, { fingerprint, leaseMs: 0, created })
    const after = await settled(() => api.invoke(id, {}, keyed(key)))
    assert.deepEqual([(after.body.data as Job).id, isReplay(after)], [created, false])
    assert.equal((await api.jobs(id)).length, 2)
  }
})

test('a function that is there is not registered again', async () => {
  const json = input()
  const ask = () => api.ask('/functions', { json, headers: keyed('there') })
  const first = await ask()
  const { function_id: created } = first.body.data as { function_id: number }
  const word = await newestWord(bus, 'there')
  const { fingerprint } = word?.data as { fingerprint: string }
  await api.change(created, { description: 'changed meanwhile' })
  await sayHeld(bus, 'there', { fingerprint, leaseMs: 0, created })
  const again = await ask()
  assert.deepEqual([again.status, again.body], [201, first.body])
})
