/** What the functions API refuses: the status, the code and the offending field of each. */
import assert from 'node:assert/strict'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { FunctionsApi, freshName, PYTHON_ECHO, refusalOf, type Envelope } from './functions-api.ts'

const MIB = 1024 * 1024
const UNKNOWN = 900_000_000

let platform: TestPlatform
let api: FunctionsApi
let id: number
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
  id = await api.register({ schema: { params: { type: 'object', required: ['n'] } } })
})
after(() => platform.stop())

const definition = () => ({
  name: freshName(),
  runtime: 'python',
  code: PYTHON_ECHO,
  execution_type: 'sync',
})

interface Raw {
  readonly method?: string
  readonly body?: string | Uint8Array<ArrayBuffer> | ReadableStream
  readonly headers?: Readonly<Record<string, string>>
}

const JSON_TYPE = { 'content-type': 'application/json' }

/** Bytes as they are. */
async function send(path: string, { method = 'POST', body, headers = JSON_TYPE }: Raw) {
  const init: RequestInit = { method, headers, duplex: 'half' }
  if (body !== undefined) init.body = body
  const response = await fetch(`${platform.url}${path}`, init)
  assert.match(response.headers.get('content-type') ?? '', /^application\/json/)
  const { code, details, message } = refusalOf((await response.json()) as Envelope)
  assert.ok(response.headers.get('x-request-id'))
  assert.equal(details['request_id'], response.headers.get('x-request-id'))
  return { status: response.status, code, details, message, headers: response.headers }
}

const WRONG_FIELDS: readonly [string, object, string][] = [
  ['a missing name', { name: undefined }, 'name'],
  ['a missing runtime', { runtime: undefined }, 'runtime'],
  ['a missing code', { code: undefined }, 'code'],
  ['a missing execution_type', { execution_type: undefined }, 'execution_type'],
  ['null for a required field', { name: null }, 'name'],
  ['an empty name', { name: '' }, 'name'],
  ['a name of blanks', { name: '   ' }, 'name'],
  ['a name with a line break', { name: 'a\nb' }, 'name'],
  ['a name with U+0000', { name: 'a\u0000b' }, 'name'],
  ['a name with a lone surrogate', { name: 'a\ud800' }, 'name'],
  ['a name that is too long', { name: 'x'.repeat(129) }, 'name'],
  ['a number as name', { name: 7 }, 'name'],
  ['an unknown runtime', { runtime: 'ruby' }, 'runtime'],
  ['a runtime in capitals', { runtime: 'Python' }, 'runtime'],
  ['a list as runtime', { runtime: ['python'] }, 'runtime'],
  ['an unknown execution_type', { execution_type: 'later' }, 'execution_type'],
  ['an empty code', { code: '' }, 'code'],
  ['U+0000 in the code', { code: `${PYTHON_ECHO}\u0000` }, 'code'],
  ['half a character in the code', { code: `${PYTHON_ECHO} # \ud800` }, 'code'],
  ['U+0000 in a variable', { env: { A: 'a\u0000b' } }, 'env.A'],
  ['half a character in a variable', { env: { A: '\udfff' } }, 'env.A'],
  ['an unknown field', { runtimes: 'python' }, 'runtimes'],
  ['a field of the answer', { id: 5 }, 'id'],
  ['a timeout of text', { timeout_ms: '5' }, 'timeout_ms'],
  ['a timeout of nothing', { timeout_ms: 0 }, 'timeout_ms'],
  ['a timeout of half a millisecond', { timeout_ms: 0.5 }, 'timeout_ms'],
  ['a timeout past the maximum', { timeout_ms: 900_001 }, 'timeout_ms'],
  ['too little memory', { memory_mb: 63 }, 'memory_mb'],
  ['too much memory', { memory_mb: 2_049 }, 'memory_mb'],
  ['a retry without attempts', { retry: {} }, 'retry.attempts'],
  ['a retry of no run', { retry: { attempts: 0 } }, 'retry.attempts'],
  ['too many runs', { retry: { attempts: 21 } }, 'retry.attempts'],
  ['no backoff', { retry: { attempts: 2, backoff_ms: 0 } }, 'retry.backoff_ms'],
  ['a text as backoff', { retry: { attempts: 2, max_backoff_ms: '1s' } }, 'retry.max_backoff_ms'],
  ['a retry of another code', { retry: { attempts: 2, codes: ['EXPIRED'] } }, 'retry.codes.0'],
  ['a retry of no code', { retry: { attempts: 2, codes: [] } }, 'retry.codes'],
  ['an unknown field of retry', { retry: { attempts: 2, delay: 1 } }, 'retry.delay'],
  ['a retry that is a number', { retry: 3 }, 'retry'],
  ['no concurrency', { concurrency: 0 }, 'concurrency'],
  ['too much concurrency', { concurrency: 10_001 }, 'concurrency'],
  ['half a run at once', { concurrency: 1.5 }, 'concurrency'],
  ['no age in the queue', { max_queue_age: 0 }, 'max_queue_age'],
  ['half a second in the queue', { max_queue_age: 0.5 }, 'max_queue_age'],
  ['an age past the log', { max_queue_age: 604_801 }, 'max_queue_age'],
  ['a queue for nobody', { max_queue_depth: 0 }, 'max_queue_depth'],
  ['a depth of text', { max_queue_depth: '10' }, 'max_queue_depth'],
  ['a description that is a list', { description: [] }, 'description'],
  ['an unknown field of schema', { schema: { input: {} } }, 'schema.input'],
  ['a schema.params of text', { schema: { params: 'x' } }, 'schema.params'],
  ['examples that are no list', { examples: {} }, 'examples'],
  ['a variable of a number', { env: { A: 1 } }, 'env.A'],
  ['a variable with a strange name', { env: { 'A B': 'x' } }, 'env.A B'],
]

for (const [what, fields, field] of WRONG_FIELDS) {
  test(`${what} is refused at POST and PUT, and ${field} is named`, async () => {
    const json = { ...definition(), ...fields }
    const posted = await api.refusal(400, '/functions', { json })
    assert.equal(posted.details['field'], field)
    assert.ok(posted.message.includes(field), posted.message)
    if (Object.values(fields).some((value) => value === undefined || value === null)) return
    const put = await api.refusal(400, `/functions/${id}`, { method: 'PUT', json: fields })
    assert.equal(put.details['field'], field)
  })
}

const BROKEN_CODE: readonly [string, string, number, number][] = [
  ['python', 'def handler(event):\n    return (event', 2, 12],
  ['python', 'def handler(event):\n  if event\n    return 1', 2, 11],
  ['nodejs', 'function handler(event) {\n  return {{ event }\n}', 2, 11],
  ['nodejs', 'const a = 1\nfunction handler(event) { retrun event }', 2, 34],
]

for (const [runtime, code, line, column] of BROKEN_CODE) {
  test(`${runtime} that does not parse is refused with line ${line}, column ${column}`, async () => {
    const json = { ...definition(), runtime, code }
    const other = await api.register({ runtime })
    for (const refused of [
      await api.refusal(400, '/functions', { json }),
      await api.refusal(400, `/functions/${other}`, { method: 'PUT', json: { code } }),
    ]) {
      assert.equal(refused.code, 'CODE_INVALID')
      const { field, line: atLine, column: atColumn } = refused.details
      assert.deepEqual(
        { field, atLine, atColumn },
        { field: 'code', atLine: line, atColumn: column },
      )
    }
  })
}

test('a runtime that cannot parse the code that is there is refused', async () => {
  const json = { runtime: 'nodejs' }
  const refused = await api.refusal(400, `/functions/${id}`, { method: 'PUT', json })
  assert.equal(refused.code, 'CODE_INVALID')
  const { runtime, version } = await api.data<Record<string, unknown>>(200, `/functions/${id}`)
  assert.deepEqual({ runtime, version }, { runtime: 'python', version: 1 })
})

const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
const WRONG_BODIES: readonly [string, number, string, Raw][] = [
  ['no JSON', 400, 'INVALID_JSON', { body: '{"name":' }],
  ['two values', 400, 'INVALID_JSON', { body: '{} {}' }],
  ['NaN', 400, 'INVALID_JSON', { body: '{"n":NaN}' }],
  ['a number that no double holds', 400, 'INVALID_JSON', { body: '{"n":1e400}' }],
  ['one with many digits', 400, 'INVALID_JSON', { body: `{"n":1${'0'.repeat(210)}e99}` }],
  ['invalid UTF-8', 400, 'INVALID_JSON', { body: Uint8Array.of(0x22, 0xff, 0x22) }],
  ['blanks', 400, 'INVALID_JSON', { body: '  ' }],
  ['too deep a body', 400, 'INVALID_REQUEST', { body: deep }],
  [
    'no content type',
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    { body: new TextEncoder().encode('{}'), headers: {} },
  ],
  [
    'text',
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    { body: '{}', headers: { 'content-type': 'text/plain' } },
  ],
  [
    'a form',
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    { body: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
  ],
  [
    'a body in another compression',
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    {
      body: new Uint8Array(brotliCompressSync('{}')),
      headers: { ...JSON_TYPE, 'content-encoding': 'br' },
    },
  ],
  [
    'what is no gzip',
    400,
    'INVALID_REQUEST',
    { body: '{}', headers: { ...JSON_TYPE, 'content-encoding': 'gzip' } },
  ],
  [
    'a body that is small only while it is packed',
    413,
    'PAYLOAD_TOO_LARGE',
    {
      body: new Uint8Array(gzipSync(`"${'x'.repeat(MIB - 1)}"`)),
      headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
    },
  ],
  ['one byte too many', 413, 'PAYLOAD_TOO_LARGE', { body: `"${'x'.repeat(MIB - 1)}"` }],
  ['far too much', 413, 'PAYLOAD_TOO_LARGE', { body: 'x'.repeat(16 * MIB) }],
]

for (const [what, status, code, raw] of WRONG_BODIES) {
  test(`${what} is ${status} ${code} wherever a body is read`, async () => {
    for (const [method, path] of [
      ['POST', '/functions'],
      ['PUT', `/functions/${id}`],
      ['POST', `/functions/${id}/invoke`],
    ] as const) {
      const refused = await send(path, { ...raw, method })
      assert.deepEqual({ status: refused.status, code: refused.code }, { status, code })
    }
  })
}

test('a body that nobody will read does not keep its refusal from the client', async () => {
  const body = 'x'.repeat(8 * MIB)
  for (const [method, path, status] of [
    ['POST', '/functions/abc/invoke', 400],
    ['PATCH', '/functions', 405],
    ['POST', '/nowhere', 404],
    ['POST', '/functions', 415],
  ] as const) {
    const headers = status === 415 ? { 'content-type': 'text/plain' } : JSON_TYPE
    assert.equal((await send(path, { method, body, headers })).status, status)
  }
})

test('a body that is too large is refused too when it does not tell its length', async () => {
  const chunk = new TextEncoder().encode('x'.repeat(64 * 1024))
  let chunks = 32
  const body = new ReadableStream({
    pull: (controller) => (chunks-- > 0 ? controller.enqueue(chunk) : controller.close()),
  })
  const { status, code } = await send(`/functions/${id}/invoke`, { body })
  assert.deepEqual({ status, code }, { status: 413, code: 'PAYLOAD_TOO_LARGE' })
})

for (const body of [undefined, '[]', '"x"', 'null', '7']) {
  test(`POST /functions refuses the body ${body ?? 'that is absent'}`, async () => {
    const { status } = await send('/functions', { ...(body !== undefined && { body }) })
    assert.equal(status, 400)
  })
}

const PATHS: readonly [string, string][] = [
  ['GET', '/functions/{}'],
  ['PUT', '/functions/{}'],
  ['DELETE', '/functions/{}'],
  ['GET', '/functions/{}/metrics'],
  ['GET', '/functions/{}/jobs'],
  ['GET', '/functions/{}/versions'],
  ['GET', '/functions/{}/versions/1'],
  ['POST', '/functions/{}/invoke'],
  ['GET', '/jobs/{}'],
  ['GET', '/jobs/{}/logs'],
]

for (const [method, template] of PATHS) {
  test(`${method} ${template} knows an unknown id from a malformed one`, async () => {
    const body = method === 'GET' || method === 'DELETE' ? {} : { body: '{}' }
    const field = template.startsWith('/jobs') ? 'id' : 'function_id'
    const unknown = await send(template.replace('{}', String(UNKNOWN)), { method, ...body })
    assert.equal(unknown.status, 404)
    assert.equal(unknown.code, 'NOT_FOUND')
    for (const malformed of ['abc', '0', '-1', '1.5', '01', '1e3', '%00', '9007199254740993']) {
      const refused = await send(template.replace('{}', malformed), { method, ...body })
      assert.equal(refused.status, 400, malformed)
      assert.equal(refused.details['field'], field)
    }
  })
}

test('a version that is not there is named', async () => {
  await api.refusal(404, `/functions/${id}/versions/${Number.MAX_SAFE_INTEGER}`)
  const { details } = await api.refusal(404, `/functions/${id}/versions/99`)
  assert.equal(details['field'], 'version')
})

const QUERIES = ['page=0', 'page=x', 'per_page=0', 'per_page=101', 'per_page=-1', 'status=done']
for (const query of QUERIES) {
  test(`a page of jobs with ${query} is refused`, async () => {
    const { details } = await api.refusal(400, `/functions/${id}/jobs?${query}`)
    assert.equal(details['field'], query.split('=')[0])
  })
}

test('what breaks schema.params is refused with its field, and no job appears', async () => {
  const patterned = await api.register({
    schema: {
      params: {
        type: 'object',
        properties: { list: { type: 'array', items: { type: 'object', required: ['a/b'] } } },
        additionalProperties: false,
      },
    },
    execution_type: 'async',
  })
  const path = `/functions/${patterned}/invoke`
  for (const prefer of ['', 'wait=5', 'respond-async']) {
    const json = { list: [{ 'a/b': 1 }, {}] }
    const refused = await api.refusal(400, path, { json, headers: { prefer } })
    assert.equal(refused.code, 'INVALID_PARAMS')
    assert.equal(refused.details['pointer'], '/list/1/a~1b')
    assert.equal(refused.details['field'], 'list.1.a/b')
  }
  assert.deepEqual(await api.jobs(patterned), [])
  await api.accept(patterned, { list: [{ 'a/b': 1 }] })
  assert.equal((await api.jobs(patterned)).length, 1)
})
