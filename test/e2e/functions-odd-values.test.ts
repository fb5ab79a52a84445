/** Names, events, results and sources that are unusual but right: they come back as they were. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import {
  FunctionsApi,
  NODEJS_ECHO,
  RUST_ECHO,
  PYTHON_ECHO,
  type Envelope,
} from './functions-api.ts'

const KIB = 1024

let platform: TestPlatform
let api: FunctionsApi
const echo = new Map<string, number>()
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
  echo.set('python', await api.register())
  echo.set('nodejs', await api.register({ runtime: 'nodejs' }))
  echo.set('rust', await api.register({ runtime: 'rust' }))
})
after(() => platform.stop())

/** JSON text in, the result's JSON text out, with nothing in between that could repair it. */
async function echoed(runtime: string, body: string): Promise<string> {
  const response = await fetch(`${platform.url}/functions/${echo.get(runtime)}/invoke`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  const text = await response.text()
  assert.equal(response.status, 200, text)
  const { data } = JSON.parse(text) as Envelope
  const { id, status, result } = data as { id: number; status: string; result: unknown }
  assert.equal(status, 'success', text)
  const { result: stored } = await api.job(id)
  assert.deepEqual(stored, result)
  return JSON.stringify(result)
}

const NAMES = [
  '한국어 함수',
  'two  words',
  '🦊🚀',
  'a.b.c',
  'a/b\\c',
  `it's "quoted"`,
  '*.>',
  '$JS.API.>',
  '--',
  '__proto__',
  'constructor',
  "'; drop table functions; --",
  '%00',
  'é',
  'e\u0301',
  '한'.repeat(128),
]

for (const name of NAMES) {
  test(`${name.slice(0, 30)} is a name: kept, unique, freed`, async () => {
    const id = await api.register({ name })
    assert.equal((await api.data<{ name: string }>(200, `/functions/${id}`)).name, name)
    const json = { name, runtime: 'python', code: PYTHON_ECHO, execution_type: 'sync' }
    assert.equal((await api.refusal(409, '/functions', { json })).code, 'NAME_TAKEN')
    assert.equal((await api.call(id, { name })).status, 'success')
    assert.equal((await api.remove(id)).status, 204)
    await api.register({ name })
  })
}

const EVENTS = [
  'null',
  'true',
  '0',
  '-1.5',
  '""',
  '[]',
  '{}',
  '1e+308',
  '5e-324',
  '9007199254740991',
  '[[[[1]]]]',
  '{"":{"":""}}',
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"toString":1,"hasOwnProperty":2,"then":3,"toJSON":4}',
  '"\\u0000\\u001f\\\\"',
  '"\\ud800"',
  '{"\\udfff":"한국어 🦊"}',
]

/** As serde_json's: members come back sorted, and no string holds half of a surrogate pair. */
const IN_RUST: Readonly<Record<string, string>> = {
  '{"toString":1,"hasOwnProperty":2,"then":3,"toJSON":4}':
    '{"hasOwnProperty":2,"then":3,"toJSON":4,"toString":1}',
  '"\\ud800"': '"\ufffd"',
  '{"\\udfff":"한국어 🦊"}': '{"\ufffd":"한국어 🦊"}',
}

for (const runtime of ['python', 'nodejs', 'rust']) {
  for (const event of EVENTS) {
    test(`${runtime} gets ${event} and gives it back`, async () => {
      const expected = (runtime === 'rust' ? IN_RUST[event] : undefined) ?? event
      assert.equal(await echoed(runtime, event), expected)
      const clean = await echoed(runtime, '{"clean":1}')
      assert.equal(clean, '{"clean":1}')
    })
  }

  test(`${runtime} gets an event of 900 KiB and one of nearly 1 MiB`, async () => {
    for (const size of [100, 300, 600, 900, 1023]) {
      const event = JSON.stringify({ text: 'x'.repeat(size * KIB) })
      assert.equal((await echoed(runtime, event)).length, event.length)
    }
  })

  test(`${runtime} nests as deep as is allowed`, async () => {
    const event = `${'['.repeat(500)}${']'.repeat(500)}`
    assert.equal(await echoed(runtime, event), event)
  })
}

test('no body at all is an empty object, null is null', async () => {
  for (const id of echo.values()) {
    for (const init of [{}, { body: '' }, { headers: { 'content-type': 'text/plain' } }]) {
      const url = `${platform.url}/functions/${id}/invoke`
      const response = await fetch(url, { method: 'POST', ...init })
      const { data } = (await response.json()) as { data: { result: unknown } }
      assert.deepEqual(data.result, {})
    }
  }
})

test('a result of nearly 1 MiB comes back, a larger one is a failed job', async () => {
  const code = 'def handler(event): return "x" * event["size"]'
  for (const execution_type of ['sync', 'async']) {
    const id = await api.register({ code, execution_type })
    const prefer = { prefer: 'wait=120' }
    for (const size of [200, 300, 600, 1023]) {
      const { result, id: job } = await api.call(id, { size: size * KIB }, prefer)
      assert.equal((result as string).length, size * KIB)
      assert.equal(((await api.job(job)).result as string).length, size * KIB)
    }
    const { status, result, error } = await api.call(id, { size: 1025 * KIB }, prefer)
    assert.deepEqual({ status, result }, { status: 'failed', result: null })
    assert.ok(error?.message.includes('bytes'))
  }
})

for (const [runtime, code, comment] of [
  ['python', PYTHON_ECHO, '#'],
  ['nodejs', NODEJS_ECHO, '//'],
  ['rust', RUST_ECHO, '//'],
]) {
  test(`${runtime} source of 300 KiB is kept, changed and run`, async () => {
    const large = `${code}\n${comment} ${'한'.repeat(100 * KIB)}`
    const id = await api.register({ runtime, code: large })
    assert.equal((await api.data<{ code: string }>(200, `/functions/${id}`)).code, large)
    assert.deepEqual((await api.call(id, { n: 1 })).result, { n: 1 })
    assert.equal(await api.change(id, { code: `${large}!` }), 2)
    assert.equal((await api.data<{ code: string }>(200, `/functions/${id}`)).code, `${large}!`)
  })
}

test('definitions may carry the names that JavaScript objects have anyway', async () => {
  const env = JSON.parse('{"__proto__":"a","constructor":"b"}') as Record<string, string>
  const examples = JSON.parse('[{"__proto__":{"polluted":1}}]') as unknown[]
  const code = 'import os\ndef handler(event): return dict(os.environ)'
  const id = await api.register({ env, examples, code, description: '\u0000 \ud800' })
  const read = await api.data<Record<string, unknown>>(200, `/functions/${id}`)
  assert.equal(JSON.stringify(read['env']), JSON.stringify(env))
  assert.equal(JSON.stringify(read['examples']), JSON.stringify(examples))
  assert.equal(read['description'], '\u0000 \ud800')
  assert.equal(read['polluted'], undefined)
  const { result } = await api.call(id)
  assert.equal((result as Record<string, string>)['constructor'], 'b')
  assert.ok(JSON.stringify(result).includes('"__proto__":"a"'))
  const refused = await api.ask('/functions', { json: JSON.parse('{"__proto__":null}') as unknown })
  assert.equal(refused.status, 400)
})
