/** Each request and response of the functions API document, replayed and compared field by field. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fetchJson } from '../support/fetch-json.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'

type Check = (value: unknown) => boolean
type Shape = Readonly<Record<string, Check>>

const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value)
const isId: Check = (value) => Number.isSafeInteger(value) && (value as number) > 0
const isDatetime: Check = (value) =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value)
const nullable =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const isObject: Check = (value) => typeof value === 'object' && value !== null
const inUnit =
  (unit: string): Check =>
  (value) =>
    typeof value === 'string' && new RegExp(`^\\d+(\\.\\d+)?${unit}$`).test(value)

const FUNCTION: Shape = {
  id: isId,
  name: (value) => typeof value === 'string',
  runtime: oneOf('python', 'nodejs'),
  code: (value) => typeof value === 'string',
  execution_type: oneOf('sync', 'async'),
  created_at: isDatetime,
  updated_at: isDatetime,
}
const JOB: Shape = {
  id: isId,
  function_id: isId,
  status: oneOf('pending', 'running', 'success', 'failed'),
  result: nullable(isObject),
  timestamp: isDatetime,
  duration: nullable(isNumber),
}
const METRICS: Shape = {
  invocations: (value) =>
    isObject(value) && Object.values(value as object).every((count) => Number.isInteger(count)),
  success_rate: isNumber,
  avg_execution_time: inUnit('ms'),
  cpu_usage: inUnit('%'),
  memory_usage: inUnit('MB'),
}
const CREATED: Shape = { function_id: isId }

/** The document's example bodies, word for word. */
const POSTED = {
  name: 'myFunction',
  runtime: 'python',
  code: 'def handler(event): return event',
  execution_type: 'sync',
}
const PUT = {
  name: 'myUpdatedFunction',
  runtime: 'nodejs',
  code: 'function handler(event) { return event }',
  execution_type: 'async',
}
const EVENT = { param1: 'value1', param2: 'value2' }

let platform: TestPlatform
before(async () => {
  platform = await startPlatform()
})
after(() => platform.stop())

function matches(value: unknown, shape: Shape): asserts value is Record<string, unknown> {
  assert.ok(isObject(value), `not an object: ${JSON.stringify(value)}`)
  const given = value as Record<string, unknown>
  for (const [field, check] of Object.entries(shape)) {
    assert.ok(field in given, `${field} is missing in ${JSON.stringify(value)}`)
    assert.ok(check(given[field]), `${field} is ${JSON.stringify(given[field])}`)
  }
}

async function replay(status: number, method: string, path: string, json?: unknown) {
  const answer = await fetchJson<{ success: boolean; data: unknown }>(`${platform.url}${path}`, {
    method,
    ...(json !== undefined && { json }),
  })
  assert.equal(answer.status, status, JSON.stringify(answer.body))
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  assert.deepEqual(Object.keys(answer.body), ['success', 'data'])
  assert.equal(answer.body.success, true)
  return { ...answer, data: answer.body.data }
}

test('the document is replayed from its first request to its last', async (t) => {
  let id = 0
  await t.test('1.2 registers a function and names its id and place', async () => {
    const { data, headers } = await replay(201, 'POST', '/functions', POSTED)
    matches(data, CREATED)
    id = data['function_id'] as number
    assert.equal(headers.get('location'), `/functions/${id}`)
  })

  await t.test('1.1 lists it', async () => {
    const { data } = await replay(200, 'GET', '/functions')
    const { functions } = data as { functions: unknown[] }
    assert.equal(functions.length, 1)
    matches(functions[0], FUNCTION)
  })

  await t.test('1.4 reads it as it was given', async () => {
    const { data } = await replay(200, 'GET', `/functions/${id}`)
    matches(data, FUNCTION)
    const { name, runtime, code, execution_type } = data
    assert.deepEqual({ id: data['id'], name, runtime, code, execution_type }, { id, ...POSTED })
    assert.equal(data['created_at'], data['updated_at'])
  })

  await t.test('1.6 tells zeros before the first run', async () => {
    const { data } = await replay(200, 'GET', `/functions/${id}/metrics`)
    assert.deepEqual(data, {
      invocations: { total: 0, successful: 0, failed: 0, cancelled: 0 },
      success_rate: 0,
      avg_execution_time: '0ms',
      cpu_usage: '0%',
      memory_usage: '0MB',
    })
  })

  let syncJob: Record<string, unknown> = {}
  await t.test('2.1 runs a synchronous function', async () => {
    const { data } = await replay(200, 'POST', `/functions/${id}/invoke`, EVENT)
    matches(data, { ...JOB, status: oneOf('success'), duration: isNumber })
    assert.deepEqual(data['result'], EVENT)
    assert.equal(data['function_id'], id)
    syncJob = data
  })

  await t.test('1.3 changes it and answers its id', async () => {
    const { data } = await replay(200, 'PUT', `/functions/${id}`, PUT)
    matches(data, CREATED)
    assert.equal(data['function_id'], id)
    const { data: read } = await replay(200, 'GET', `/functions/${id}`)
    matches(read, FUNCTION)
    const { name, runtime, code, execution_type } = read
    assert.deepEqual({ name, runtime, code, execution_type }, PUT)
    assert.ok((read['created_at'] as string) < (read['updated_at'] as string))
  })

  let asyncId = 0
  await t.test('2.1 accepts a run of an asynchronous function', async () => {
    const { data, headers } = await replay(202, 'POST', `/functions/${id}/invoke`, EVENT)
    matches(data, { ...JOB, status: oneOf('pending'), result: oneOf(null), duration: oneOf(null) })
    asyncId = data['id'] as number
    assert.equal(headers.get('location'), `/jobs/${asyncId}`)
  })

  await t.test('3.1 reads a job, the same that was answered', async () => {
    const { data } = await replay(200, 'GET', `/jobs/${String(syncJob['id'])}`)
    matches(data, JOB)
    for (const field of Object.keys(JOB)) assert.deepEqual(data[field], syncJob[field], field)
    await until(async () => {
      const { data: job } = await replay(200, 'GET', `/jobs/${asyncId}`)
      matches(job, JOB)
      return job['status'] === 'success' && assert.deepEqual(job['result'], EVENT) === undefined
    })
  })

  await t.test('3.2 lists the jobs, newest first', async () => {
    const { data } = await replay(200, 'GET', `/functions/${id}/jobs`)
    const { jobs } = data as { jobs: Record<string, unknown>[] }
    for (const job of jobs) matches(job, JOB)
    assert.deepEqual(
      jobs.map((job) => job['id']),
      [asyncId, syncJob['id']],
    )
  })

  await t.test('1.6 tells real numbers in the units of the document', async () => {
    const { data } = await replay(200, 'GET', `/functions/${id}/metrics`)
    matches(data, METRICS)
    assert.deepEqual(data['invocations'], { total: 2, successful: 2, failed: 0, cancelled: 0 })
    assert.equal(data['success_rate'], 100)
    assert.ok(parseFloat(data['avg_execution_time'] as string) > 0)
    assert.ok(parseFloat(data['memory_usage'] as string) > 1)
  })

  await t.test('1.5 deletes it without a word', async () => {
    const { status, body } = await fetchJson(`${platform.url}/functions/${id}`, {
      method: 'DELETE',
    })
    assert.deepEqual({ status, body }, { status: 204, body: undefined })
    const gone = await fetchJson<{ success: boolean; error: { code: string } }>(
      `${platform.url}/functions/${id}`,
    )
    assert.equal(gone.status, 404)
    assert.equal(gone.body.success, false)
    assert.equal(gone.body.error.code, 'NOT_FOUND')
  })
})
