/** Each request and response of the chunk API's document, replayed and compared field by field. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Problem, type ProblemCode } from '#domain/problem.ts'
import { authDialect } from '../../apps/edge/surfaces/auth/dialect.ts'
import { POLICIES } from '../../apps/edge/limits/policies.ts'
import { fetchJson } from '../support/fetch-json.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import {
  ENUMS,
  ERRORS,
  EXAMPLES,
  LIMIT_HEADERS,
  LIMITS,
  LIST,
  RESPONSE_HEADERS,
} from './chunks-document.ts'

let platform: TestPlatform
before(async () => {
  platform = await startPlatform()
})
after(() => platform.stop())

/** Every field of the example is there with a value of its kind; more is allowed. */
function resembles(given: unknown, example: unknown, path: string): void {
  if (Array.isArray(example)) {
    assert.ok(Array.isArray(given), `${path} is a list`)
    const [kind] = example as unknown[]
    if (kind !== undefined) {
      assert.ok(given.length > 0, `${path} is not empty`)
      given.forEach((one, i) => resembles(one, kind, `${path}[${i}]`))
    }
    return
  }
  assert.equal(typeof given, typeof example, path)
  if (typeof example !== 'object' || example === null) return
  for (const [field, value] of Object.entries(example)) {
    const found = (given as Record<string, unknown>)[field]
    resembles(found, value, `${path}.${field}`)
    const allowed = ENUMS[field]
    if (allowed !== undefined) assert.ok(allowed.includes(String(found)), `${path}.${field}`)
    if (field.endsWith('_score')) assert.ok(Number(found) >= 0 && Number(found) <= 1, field)
    if (field === 'created_at') assert.ok(!Number.isNaN(Date.parse(String(found))), field)
  }
}

for (const { path, body, answer, without } of EXAMPLES) {
  describe(`POST ${path}`, () => {
    test('answers its example in its shape', async () => {
      const {
        status,
        headers,
        body: given,
      } = await fetchJson(`${platform.url}${path}`, {
        json: body,
      })
      assert.equal(status, 200)
      resembles(given, answer, path)
      for (const name of [...RESPONSE_HEADERS, ...LIMIT_HEADERS]) {
        assert.ok(headers.has(name), name)
      }
      assert.match(headers.get('x-response-time') ?? '', /^\d+(\.\d+)?$/)
    })

    test(`says that ${without.field} is missing as its example does`, async () => {
      const json = Object.fromEntries(
        Object.entries(body).filter(([field]) => field !== without.field),
      )
      const { status, body: given } = await fetchJson<Record<string, unknown>>(
        `${platform.url}${path}`,
        { json },
      )
      assert.equal(status, 400)
      const told = Object.keys(without.answer).map((field) => [field, given[field]])
      assert.deepEqual(Object.fromEntries(told), without.answer)
    })
  })
}

test('what a batch and a document say, their examples’ own numbers say too', async () => {
  const [, document, batch] = EXAMPLES
  const ask = async (example: typeof document) =>
    (
      await fetchJson<Record<string, unknown>>(`${platform.url}${example?.path}`, {
        json: example?.body,
      })
    ).body
  const { processed, total, failed } = await ask(batch)
  assert.deepEqual([processed, total, failed], [2, 2, 0])
  assert.equal((await ask(document))['document_id'], 'doc-001')
})

test('a list has its page beside it', async () => {
  const { status, body } = await fetchJson(`${platform.url}/api/v1/optimizations`)
  assert.equal(status, 200)
  resembles(body, LIST, 'list')
})

test('errors have the names and statuses of its table', () => {
  const codes: Readonly<Record<number, ProblemCode>> = {
    400: 'INVALID_REQUEST',
    404: 'NOT_FOUND',
    422: 'VALIDATION_FAILED',
    429: 'RATE_LIMITED',
    500: 'INTERNAL',
    503: 'UNAVAILABLE',
  }
  for (const [name, status] of ERRORS) {
    const problem = new Problem(codes[status]!, 'why')
    const answer = authDialect.render(problem, 'req_123456')
    assert.equal(answer.status, status)
    const body = JSON.parse(answer.body ?? '') as Record<string, unknown>
    assert.deepEqual(
      [body['code'], body['message'], body['request_id']],
      [name, 'why', 'req_123456'],
    )
  }
})

test('its limits are in force', () => {
  const { windows } = POLICIES.chunks
  assert.deepEqual(
    windows.map(({ limit, windowS }) => [limit, windowS]),
    [
      [LIMITS.minute, 60],
      [LIMITS.hour, 3_600],
    ],
  )
})

test('/ready and /health answer as it shows', async () => {
  const sent = { 'X-Request-ID': 'req_123456' }
  const ready = await fetchJson(`${platform.url}/ready`, { headers: sent })
  for (const name of RESPONSE_HEADERS) assert.ok(ready.headers.has(name), name)
  assert.equal(ready.headers.get('x-request-id'), 'req_123456')
  assert.deepEqual([ready.status, ready.body], [200, { ready: true }])
  const { body } = await until(async () => {
    const health = await fetchJson<Record<string, unknown>>(`${platform.url}/health`)
    for (const name of RESPONSE_HEADERS) assert.ok(health.headers.has(name), name)
    return health.status === 200 && health
  })
  assert.deepEqual([body['status'], typeof body['version']], ['healthy', 'string'])
  assert.ok(!Number.isNaN(Date.parse(String(body['timestamp']))))
})
