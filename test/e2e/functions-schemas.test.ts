/** The schemas that users give their functions: what does not compile, and what means harm. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { FunctionsApi, freshName, PYTHON_ECHO } from './functions-api.ts'

type Schema = Readonly<Record<string, unknown>> | boolean

let platform: TestPlatform
let api: FunctionsApi
let edge: number | undefined
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
  edge = platform.processes['edge']
})
after(async () => {
  assert.equal(platform.processes['edge'], edge, 'the edge has died')
  await platform.stop()
})

const withParams = (params: unknown) => api.register({ schema: { params } })

const USELESS: readonly [string, unknown][] = [
  ['an unknown type', { type: 'objekt' }],
  ['a pattern that is none', { type: 'string', pattern: '(' }],
  ['a pattern that looks back', { type: 'string', pattern: '(a)\\1' }],
  ['a reference to nowhere', { $ref: '#/$defs/nothing' }],
  ['a reference to another host', { $ref: 'https://example.com/schema.json' }],
  ['a required that is no list', { required: 'name' }],
  ['an asynchronous schema', { $async: true, type: 'object', required: ['a'] }],
  ['a pattern that is too large', { pattern: '((a{1000}){1000}){1000}' }],
  ['references in a ring', { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }],
  ['a schema that is too large', { enum: ['x'.repeat(100_000)] }],
]

for (const [what, schema] of USELESS) {
  test(`${what} is refused at POST and PUT, for params and result`, async () => {
    const id = await api.register()
    const definition = { runtime: 'python', code: PYTHON_ECHO, execution_type: 'sync' }
    for (const part of ['params', 'result']) {
      const json = { ...definition, name: freshName(), schema: { [part]: schema } }
      const posted = await api.refusal(400, '/functions', { json })
      assert.equal(posted.details['field'], `schema.${part}`)
      const change = { schema: { [part]: schema } }
      const put = await api.refusal(400, `/functions/${id}`, { method: 'PUT', json: change })
      assert.equal(put.details['field'], `schema.${part}`)
    }
  })
}

test('true allows everything, false nothing', async () => {
  assert.equal((await api.call(await withParams(true), [1])).status, 'success')
  const id = await withParams(false)
  const refused = await api.refusal(400, `/functions/${id}/invoke`, { json: {} })
  assert.equal(refused.code, 'INVALID_PARAMS')
})

test('a property that every JavaScript object has must be given like any other', async () => {
  const id = await withParams({
    type: 'object',
    required: ['constructor'],
    properties: { toString: { type: 'string' } },
  })
  assert.equal((await api.call(id, { constructor: 1 })).status, 'success')
  const { details } = await api.refusal(400, `/functions/${id}/invoke`, { json: {} })
  assert.equal(details['field'], 'constructor')
})

test('each pattern is its own', async () => {
  const id = await withParams({
    properties: { a: { pattern: '^a+$' }, b: { pattern: '^b+$' }, c: { pattern: '^c+$' } },
  })
  assert.equal((await api.call(id, { a: 'aa', b: 'bb', c: 'cc' })).status, 'success')
  for (const field of ['a', 'b', 'c']) {
    const json = { a: 'aa', b: 'bb', c: 'cc', [field]: 'x' }
    const { details } = await api.refusal(400, `/functions/${id}/invoke`, { json })
    assert.equal(details['field'], field)
  }
})

for (const draft of ['draft-04', 'draft-06', 'draft-07', '2019-09', '2020-12']) {
  const year = /^\d/.test(draft)
  const $schema = year
    ? `https://json-schema.org/draft/${draft}/schema`
    : `http://json-schema.org/${draft}/schema#`
  test(`a schema that names ${draft} is applied or refused by name`, async () => {
    const params = { $schema, type: 'object', required: ['a'] }
    const json = {
      name: freshName(),
      runtime: 'python',
      code: PYTHON_ECHO,
      execution_type: 'sync',
      schema: { params },
    }
    const { status, body } = await api.ask('/functions', { json })
    if (status === 201) {
      const { function_id } = body.data as { function_id: number }
      assert.equal(
        (await api.refusal(400, `/functions/${function_id}/invoke`, { json: {} })).details['field'],
        'a',
      )
    } else {
      assert.equal(status, 400)
      assert.equal(body.error?.details['field'], 'schema.params')
      assert.ok(body.error?.message.includes('json-schema.org'), body.error?.message)
    }
  })
}

const doubling = Object.fromEntries(
  Array.from({ length: 60 }, (_, n) => {
    const next = { $ref: `#/$defs/d${n + 1}` }
    return [`d${n}`, n < 59 ? { allOf: [next, next] } : { type: 'object' }]
  }),
)
const nestedArrays = (depth: number) =>
  JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`) as unknown
const nulls = Array.from({ length: 80 }, () => ({ type: 'null' }))
const twice = { items: { $ref: '#/$defs/x' } }

const HARMFUL: readonly [string, Schema, unknown, 'allowed' | 'refused'][] = [
  [
    'a pattern that backtracks',
    { type: 'string', pattern: '^(a+)+$' },
    `${'a'.repeat(5_000)}!`,
    'refused',
  ],
  [
    'a pattern of many steps',
    { pattern: '(?:(?:a{0,100}){0,9}b)?c$' },
    'a'.repeat(900_000),
    'refused',
  ],
  ['a reference to itself', { $ref: '#' }, {}, 'refused'],
  ['references that double', { $defs: doubling, $ref: '#/$defs/d0' }, {}, 'refused'],
  [
    'references that double with the depth',
    { $defs: { x: { allOf: [twice, twice] } }, $ref: '#/$defs/x' },
    nestedArrays(200),
    'refused',
  ],
  [
    'a list of which all must differ',
    { type: 'array', uniqueItems: true },
    Array.from({ length: 150_000 }, (_, n) => n),
    'refused',
  ],
  [
    'a plain list of branches for each value',
    { items: { anyOf: [...nulls, {}] } },
    Array.from({ length: 400_000 }, () => 1),
    'refused',
  ],
  [
    'a plain list of branches that all fail',
    { contains: { anyOf: nulls } },
    Array.from({ length: 400_000 }, () => 1),
    'refused',
  ],
  [
    'a plain schema on a large body',
    { items: { type: 'integer', minimum: 0 } },
    Array.from({ length: 100_000 }, () => 1),
    'allowed',
  ],
  [
    'an ordinary recursion',
    { type: 'object', properties: { next: { $ref: '#' } } },
    { next: { next: {} } },
    'allowed',
  ],
]

for (const [what, schema, event, outcome] of HARMFUL) {
  test(`${what} does not stop the edge, and its body is ${outcome}`, async () => {
    const id = await withParams(schema)
    const path = `/functions/${id}/invoke`
    const startedAt = performance.now()
    if (outcome === 'allowed') await api.data(200, path, { json: event })
    else assert.equal((await api.refusal(400, path, { json: event })).code, 'INVALID_PARAMS')
    await api.data(200, `/functions/${id}`)
    const seconds = (performance.now() - startedAt) / 1_000
    // Without a deadline of its own, each of what is refused would take minutes.
    assert.ok(seconds < 30, `${seconds.toFixed(1)} s`)
  })
}
