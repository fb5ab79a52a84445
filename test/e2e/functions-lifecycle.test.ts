/** A function from its registration to its end: fields, versions, names, and what outlives it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { FunctionsApi, freshName, PYTHON_ECHO } from './functions-api.ts'

const AT_ONCE = 50

type Fields = Readonly<Record<string, unknown>>

let platform: TestPlatform
let api: FunctionsApi
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
})
after(() => platform.stop())

const read = (id: number) => api.data<Fields>(200, `/functions/${id}`)
const returns = (value: unknown) => `def handler(event): return ${JSON.stringify(value)}`
const SLOW = 'import time\ndef handler(event):\n    time.sleep(event["seconds"])\n    return 1'

const EXTRAS = {
  description: 'what it is for',
  timeout_ms: 1_234,
  memory_mb: 96,
  schema: { params: { type: 'object' }, result: true },
  examples: [{ n: 1 }, null, 'x'],
  env: { GREETING: 'hello' },
}

test('every optional field is kept and comes back', async () => {
  const id = await api.register(EXTRAS)
  const { description, timeout_ms, memory_mb, schema, examples, env, version } = await read(id)
  assert.deepEqual({ description, timeout_ms, memory_mb, schema, examples, env }, EXTRAS)
  assert.equal(version, 1)
})

test('optional fields that were not given, or given as null, have their defaults', async () => {
  const nulls = Object.fromEntries(Object.keys(EXTRAS).map((name) => [name, null]))
  for (const id of [await api.register(), await api.register(nulls)]) {
    const { description, timeout_ms, memory_mb, schema, examples, env } = await read(id)
    const given = { description, timeout_ms, memory_mb, schema, examples, env }
    assert.deepEqual(given, {
      description: null,
      timeout_ms: 30_000,
      memory_mb: 128,
      schema: null,
      examples: [],
      env: {},
    })
  }
})

test('the environment reaches the code', async () => {
  for (const [runtime, code] of [
    ['python', 'import os\ndef handler(event): return os.environ["GREETING"]'],
    ['nodejs', 'function handler(event) { return process.env.GREETING }'],
  ]) {
    const id = await api.register({ runtime, code, env: { GREETING: '안녕 👋' } })
    assert.equal((await api.call(id)).result, '안녕 👋')
  }
})

test('a change takes any subset, and null means not given', async () => {
  const id = await api.register(EXTRAS)
  const before = await read(id)
  const version = await api.change(id, { code: returns(2), name: null, runtime: null })
  const now = await read(id)
  assert.equal(version, 2)
  const { updated_at } = now
  assert.deepEqual(now, { ...before, code: returns(2), version: 2, updated_at })
  assert.ok((updated_at as string) > (before['updated_at'] as string))
  assert.equal((await api.call(id)).result, 2)
})

test('null takes away what only we know, since it may be absent', async () => {
  const id = await api.register(EXTRAS)
  await api.change(id, Object.fromEntries(Object.keys(EXTRAS).map((name) => [name, null])))
  const { description, timeout_ms, schema, env } = await read(id)
  assert.deepEqual(
    { description, timeout_ms, schema, env },
    { description: null, timeout_ms: 30_000, schema: null, env: {} },
  )
})

test('each single field can be changed alone', async () => {
  const id = await api.register()
  const changes: Fields = { name: freshName(), execution_type: 'async', ...EXTRAS }
  let version = 1
  for (const [field, value] of Object.entries(changes)) {
    assert.equal(await api.change(id, { [field]: value }), ++version)
    assert.deepEqual((await read(id))[field], value)
  }
})

test('a job that was accepted before a change runs the version that it was accepted with', async () => {
  const id = await api.register({ code: SLOW, execution_type: 'async' })
  const accepted = []
  for (let i = 0; i < 8; i++) accepted.push(await api.accept(id, { seconds: 0.2 }))
  await api.change(id, { code: returns('new') })
  const later = await api.accept(id)
  for (const { id: job } of accepted) {
    const { result, function_version } = await api.ended(job)
    assert.deepEqual({ result, function_version }, { result: 1, function_version: 1 })
  }
  const { result, function_version } = await api.ended(later.id)
  assert.deepEqual({ result, function_version }, { result: 'new', function_version: 2 })
})

test('versions are listed and read, and none of them ever changes', async () => {
  const id = await api.register({ code: returns(1) })
  const first = await read(id)
  await api.change(id, { code: returns(2) })
  await api.change(id, { description: 'third' })
  const { versions } = await api.data<{ versions: Fields[] }>(200, `/functions/${id}/versions`)
  const seen = versions.map(({ version, code }) => [version, code])
  seen.sort(([a], [b]) => Number(a) - Number(b))
  assert.deepEqual(seen, [
    [1, returns(1)],
    [2, returns(2)],
    [3, returns(2)],
  ])
  assert.deepEqual(await api.data(200, `/functions/${id}/versions/1`), first)
})

test('concurrent changes make as many distinct versions', async () => {
  const id = await api.register()
  const changes = Array.from({ length: 20 }, (_, n) => api.change(id, { description: `${n}` }))
  const versions = await Promise.all(changes)
  assert.deepEqual(
    versions.toSorted((a, b) => a - b),
    Array.from({ length: 20 }, (_, n) => n + 2),
  )
  for (const [n, version] of versions.entries()) {
    const one = await api.data<Fields>(200, `/functions/${id}/versions/${version}`)
    assert.equal(one['description'], String(n))
  }
  assert.equal((await read(id))['version'], 21)
})

test('of many that register one name at once, exactly one gets it', async () => {
  const json = { name: freshName(), runtime: 'python', code: PYTHON_ECHO, execution_type: 'sync' }
  const answers = await Promise.all(
    Array.from({ length: AT_ONCE }, () => api.ask('/functions', { json })),
  )
  const won = answers.filter(({ status }) => status === 201)
  assert.equal(won.length, 1)
  const [winner] = won.map(({ body }) => (body.data as { function_id: number }).function_id)
  for (const { status, body } of answers.filter((answer) => !won.includes(answer))) {
    assert.equal(status, 409)
    assert.equal(body.error?.code, 'NAME_TAKEN')
    assert.equal(body.error?.details['field'], 'name')
    assert.equal(body.error?.details['function_id'], winner)
  }
  const { functions } = await api.data<{ functions: Fields[] }>(200, '/functions')
  assert.equal(functions.filter(({ name }) => name === json.name).length, 1)
})

test('a name is freed by a change and by a deletion, and taken names are refused', async () => {
  const [a, b, c] = [freshName(), freshName(), freshName()]
  const first = await api.register({ name: a })
  const second = await api.register({ name: b })
  const taken = await api.refusal(409, `/functions/${second}`, { method: 'PUT', json: { name: a } })
  assert.equal(taken.details['field'], 'name')
  assert.equal((await read(second))['name'], b)
  await api.change(first, { name: a, description: 'its own name is no conflict' })
  await api.change(first, { name: c })
  await api.change(second, { name: a })
  assert.equal((await api.remove(second)).status, 204)
  await api.register({ name: a })
  await api.register({ name: b })
})

test('one name is registered and deleted over and over', async () => {
  const name = freshName()
  const ids = new Set<number>()
  for (let i = 0; i < 20; i++) {
    const id = await api.register({ name })
    ids.add(id)
    assert.equal((await api.remove(id)).status, 204)
  }
  assert.equal(ids.size, 20)
})

test('a deleted function is gone, what it did is not', async () => {
  const id = await api.register()
  const { id: job } = await api.call(id, { n: 1 })
  assert.equal((await api.remove(id)).status, 204)
  for (const [method, path] of [
    ['GET', ''],
    ['PUT', ''],
    ['DELETE', ''],
    ['POST', '/invoke'],
  ] as const) {
    const json = method === 'PUT' || method === 'POST' ? { json: {} } : {}
    const { details } = await api.refusal(404, `/functions/${id}${path}`, { method, ...json })
    assert.equal(details['field'], 'function_id')
  }
  const { functions } = await api.data<{ functions: Fields[] }>(200, '/functions')
  assert.ok(!functions.some((one) => one['id'] === id))
  assert.deepEqual((await api.job(job)).result, { n: 1 })
  assert.deepEqual(
    (await api.jobs(id)).map((one) => one.id),
    [job],
  )
  assert.equal((await api.metrics(id)).invocations.total, 1)
  await api.data(200, `/jobs/${job}/logs`)
})

test('accepted jobs of a deleted function still finish', async () => {
  const id = await api.register({ code: SLOW, execution_type: 'async', name: freshName() })
  const jobs = []
  for (let i = 0; i < 12; i++) jobs.push(await api.accept(id, { seconds: 0.1 }))
  assert.equal((await api.remove(id)).status, 204)
  for (const { id: job } of jobs) assert.equal((await api.ended(job)).status, 'success')
  assert.deepEqual((await api.metrics(id)).invocations, {
    total: 12,
    successful: 12,
    failed: 0,
    cancelled: 0,
  })
})

test('the list has every function, however many there are', async () => {
  const registering = Array.from({ length: 120 }, () => api.register())
  const ids = await Promise.all(registering)
  const { functions } = await api.data<{ functions: Fields[] }>(200, '/functions')
  const listed = new Set(functions.map(({ id }) => id))
  for (const id of ids) assert.ok(listed.has(id))
})

test('a change of a large definition tells its version', async () => {
  const code = `${PYTHON_ECHO}\n# ${'x'.repeat(900 * 1024)}`
  const id = await api.register({ code })
  const { body } = await api.ask(`/functions/${id}`, { method: 'PUT', json: { code: `${code}y` } })
  assert.deepEqual(body.data, { function_id: id, version: 2 })
  assert.equal((await read(id))['code'], `${code}y`)
})
