/** Each request and response of the lambda API document, replayed and compared field by field. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fetchJson } from '../support/fetch-json.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { FunctionsApi } from '../e2e/functions-api.ts'
import { bearer, LAMBDA_ENV, LambdaApi, NO_CACHE, type Refused } from '../e2e/lambda-api.ts'
import {
  CALCULATOR,
  CODES,
  CORS,
  ERROR,
  EXECUTE,
  FUNCTION,
  FUNCTION_DETAIL,
  FUNCTIONS,
  INITIALIZE,
  PLACE,
  SESSION,
  type Shape,
} from './lambda-document.ts'

const ORIGIN = 'https://pages.example.com'
const CODE = `function handler({ operation, values }, context) {
  if (operation === 'divide' && values.length < 2) throw new RangeError('nothing to divide by')
  if (operation === 'subtract') for (;;);
  if (operation === 'multiply') return { context }
  return { value: values.reduce((a, b) => a + b, 0) }
}`
const UNKNOWN = 'f8c3de3d-1234-5678-9abc-def012345678'

let platform: TestPlatform
let api: LambdaApi
before(async () => {
  platform = await startPlatform({ env: { ...LAMBDA_ENV, CORS_ORIGINS: ORIGIN } })
  const functions = new FunctionsApi(platform.url)
  await functions.register({ ...CALCULATOR, runtime: 'nodejs', code: CODE })
  await functions.register({ name: 'image-processor', description: '画像処理機能を提供' })
  api = new LambdaApi(platform.url, await bearer('local', 'execute:all read:functions'))
})
after(() => platform.stop())

function matches(value: unknown, shape: Shape): void {
  assert.ok(typeof value === 'object' && value !== null, JSON.stringify(value))
  for (const [field, check] of Object.entries(shape)) {
    const given = (value as Record<string, unknown>)[field]
    assert.ok(check(given), `${field} is ${JSON.stringify(given)} in ${JSON.stringify(value)}`)
  }
}

async function initialized(context: object = INITIALIZE.body.context): Promise<string> {
  const { headers } = INITIALIZE
  const { status, body } = await api.ask<{ request_id: string }>('/api/v1/initialize', {
    headers,
    json: { context },
  })
  assert.equal(status, 200)
  matches(body, INITIALIZE.answer)
  return body.request_id
}

test('2.1 to 2.3: initialize, execute, and the state of the session', async () => {
  const id = await initialized()
  const before = await api.session(id)
  matches(before, SESSION)
  assert.equal(before.status, 'initialized')
  const { status, body } = await api.ask<{ result: unknown }>(`/api/v1/execute/${id}`, {
    json: EXECUTE.body,
  })
  assert.equal(status, 200)
  matches(body, EXECUTE.answer)
  assert.deepEqual(body.result, EXECUTE.result)
  const afterwards = await api.session(id)
  matches(afterwards, SESSION)
  assert.deepEqual([afterwards.status, afterwards.execution_count], ['active', 1])
  assert.equal(Date.parse(before.expires_at) - Date.parse(before.created_at), 2 * 3_600_000)
})

test('2.1: the context reaches the function', async () => {
  const id = await initialized({ ...INITIALIZE.body.context, region: 'eu' })
  const params = { operation: 'multiply', values: [] }
  const { context } = (await api.run(id, params)) as { context: Record<string, unknown> }
  const { environment, user_id, timeout_ms, region, session, function_name } = context
  assert.deepEqual(
    { environment, user_id, timeout_ms, region, session, function_name },
    {
      ...{ environment: 'production', user_id: 'user-123', timeout_ms: 30_000, region: 'eu' },
      session: { id, retain_session: true },
      function_name: 'calculator',
    },
  )
})

test('2.2 (scripts): the list, its filter and its pages', async () => {
  const ask = (query = '') =>
    api.ask<{ total: number; page: number; per_page: number; functions: object[] }>(
      `/api/v1/functions${query}`,
    )
  const { body } = await ask()
  matches(body, FUNCTIONS)
  assert.deepEqual([body.total, body.page, body.per_page], [2, 1, 20])
  for (const each of body.functions) matches(each, FUNCTION)
  const titles = body.functions.map((each) => (each as { language_title: string }).language_title)
  assert.deepEqual(titles, ['nodejs-calculator', 'python-image-processor'])
  assert.equal((await ask('?language=python')).body.total, 1)
  assert.equal((await ask('?language=cobol')).body.total, 0)
  const second = await ask('?page=2&per_page=1')
  assert.deepEqual([second.body.total, second.body.functions], [2, body.functions.slice(1)])
  for (const query of ['?page=0', '?per_page=101', '?page=x']) {
    const { error } = await api.refused(400, `/api/v1/functions${query}`)
    assert.equal(error.code, 'INVALID_REQUEST')
  }
})

test('2.3 (scripts): the details', async () => {
  const { body } = await api.ask<Record<string, unknown>>('/api/v1/functions/nodejs-calculator')
  matches(body, FUNCTION_DETAIL)
  assert.deepEqual([body['language'], body['title']], ['nodejs', 'calculator'])
  assert.equal(body['description'], CALCULATOR.description)
  assert.deepEqual([body['schema'], body['examples']], [CALCULATOR.schema, CALCULATOR.examples])
  const { error } = await api.refused(404, '/api/v1/functions/python-calculator')
  assert.equal(error.code, 'NOT_FOUND')
})

test('2.4: health, as the document spells it', async () => {
  const { body } = await until(async () => {
    const health = await api.ask<{ components: { runtimes: object } }>('/health')
    return health.status === 200 && health
  })
  assert.deepEqual(Object.keys(body.components.runtimes).sort(), ['nodejs', 'python', 'rust'])
})

/** The table of statuses of section 2.2, and what else its errors say. */
const REFUSALS: readonly {
  readonly status: number
  readonly code: (typeof CODES)[number]
  readonly what: string
  readonly ask: () => Promise<{ status: number; body: Refused }>
  readonly names?: true
}[] = [
  {
    ...{ status: 400, code: 'INVALID_PARAMS', what: 'params that the schema refuses', names: true },
    ask: async () => api.execute(await initialized(), { operation: 'add' }) as never,
  },
  {
    ...{ status: 400, code: 'INVALID_PARAMS', what: 'no params', names: true },
    ask: async () => api.ask(`/api/v1/execute/${await initialized()}`, { json: {} }),
  },
  {
    ...{ status: 400, code: 'INVALID_REQUEST', what: 'no Language-Title' },
    ask: () => api.ask('/api/v1/initialize', { json: {} }),
  },
  {
    ...{ status: 401, code: 'UNAUTHORIZED', what: 'no token', names: true },
    ask: () => fetchJson(`${platform.url}/api/v1/execute/${UNKNOWN}`, { json: EXECUTE.body }),
  },
  {
    ...{ status: 403, code: 'FORBIDDEN', what: 'a scope for another runtime', names: true },
    ask: async () => {
      const headers = await bearer('local', 'execute:python')
      const path = `/api/v1/execute/${await initialized()}`
      return fetchJson<Refused>(`${platform.url}${path}`, { json: EXECUTE.body, headers })
    },
  },
  {
    ...{ status: 404, code: 'NOT_FOUND', what: 'an unknown id', names: true },
    ask: () => api.execute(UNKNOWN) as never,
  },
  {
    ...{ status: 404, code: 'NOT_FOUND', what: 'an unknown title' },
    ask: () => {
      const headers = { 'language-title': 'nodejs-nothing' }
      return api.ask('/api/v1/initialize', { json: {}, headers })
    },
  },
  {
    ...{ status: 500, code: 'RUNTIME_ERROR', what: 'a script that throws', names: true },
    ask: async () => {
      const asked = await api.execute(await initialized(), { operation: 'divide', values: [1] })
      matches((asked.body as unknown as Refused).error.details, PLACE)
      return asked as never
    },
  },
  {
    ...{ status: 504, code: 'TIMEOUT', what: 'a script that does not end', names: true },
    ask: async () => {
      const id = await initialized({ timeout_ms: 300 })
      return api.execute(id, { operation: 'subtract', values: [] }, NO_CACHE) as never
    },
  },
]
for (const { status, code, what, ask, names } of REFUSALS) {
  test(`${status} ${code}: ${what}`, async () => {
    const { status: given, body } = await ask()
    assert.equal(given, status, JSON.stringify(body))
    matches(body.error, ERROR)
    assert.equal(body.error.code, code)
    assert.ok((CODES as readonly string[]).includes(body.error.code))
    assert.equal(typeof body.request_id, names ? 'string' : 'undefined')
  })
}

test('INVALID_PARAMS tells where in the body, as a JSON pointer', async () => {
  const id = await initialized()
  const { error } = await api.failed(400, id, { operation: 'add', values: [1, 'two'] })
  assert.equal(error.details['pointer'], '/params/values/1')
})

test('7: the headers of CORS', async () => {
  const { headers } = await fetch(`${platform.url}/api/v1/initialize`, {
    method: 'OPTIONS',
    headers: { origin: ORIGIN, 'access-control-request-method': 'POST' },
  })
  assert.equal(headers.get('access-control-allow-origin'), ORIGIN)
  for (const [name, wanted] of Object.entries(CORS)) {
    const given = (headers.get(name) ?? '').toLowerCase().split(/\s*,\s*/)
    for (const each of wanted) assert.ok(given.includes(each.toLowerCase()), `${name}: ${each}`)
  }
})
