/**
 * What pages can do to an instance that asks for no credentials, through the browser of somebody
 * who can reach it: those that are allowed, everything; all others, nothing.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { text } from 'node:stream/consumers'
import { ROUTES, type RouteName } from '../../apps/edge/access/routes.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { until } from '../support/until.ts'
import { FunctionsApi, freshName, NODEJS_ECHO } from './functions-api.ts'

const PAGE = 'https://app.example'
const LOCAL_PAGE = 'http://localhost:5173'
const ELSEWHERE = 'https://evil.example'
const OPERATIONS = ['/health', '/metrics', '/metrics/']

const routes = Object.keys(ROUTES).map((name) => {
  const [method = '', template = ''] = name.split(' ')
  return { name: name as RouteName, method, template }
})
const templates = [...new Set(routes.map(({ template }) => template))]

let platform: TestPlatform
let api: FunctionsApi
let id: number
before(async () => {
  platform = await startPlatform({ env: { CORS_ORIGINS: PAGE, LAMBDA_HOSTS: 'lambda.example' } })
  api = new FunctionsApi(platform.url)
  id = await api.register()
})
after(() => platform.stop())

interface Asked {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

/** Every header as a page's browser sends it, also those that `fetch` would not let us set. */
async function ask(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): Promise<Asked> {
  const sending = request(`${platform.url}${path}`, { method, headers, agent: false })
  sending.end(body)
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  const { statusCode: status = 0 } = response
  return { status, headers: response.headers as Asked['headers'], body: await text(response) }
}

const pathOf = (template: string) => template.replace(':version', '1').replace(/:\w+/g, String(id))

describe('a preflight', () => {
  const asked = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,authorization',
  }

  for (const path of [...templates, ...OPERATIONS]) {
    it(`of ${path} needs nothing, and names the origin only if it is allowed`, async () => {
      for (const [origin, allowed] of [
        [PAGE, PAGE],
        [LOCAL_PAGE, LOCAL_PAGE],
        [ELSEWHERE, undefined],
        ['null', undefined],
      ] as const) {
        const { status, headers, body } = await ask('OPTIONS', pathOf(path), { ...asked, origin })
        assert.equal(status, 204, origin)
        assert.equal(body, '')
        assert.equal(headers['access-control-allow-origin'], allowed)
        assert.equal(headers['access-control-max-age'], '86400')
        assert.match(headers['access-control-allow-headers'] ?? '', /Content-Type, Authorization/)
        assert.equal(headers['access-control-allow-credentials'], undefined)
        assert.equal(headers['vary'], 'Origin')
        const methods = headers['access-control-allow-methods']?.split(', ') ?? []
        const own = routes.filter(({ template }) => template === path)
        for (const { method } of own) assert.ok(methods.includes(method), method)
        assert.ok(methods.includes('OPTIONS'))
      }
    })
  }

  it('without an origin is a question for what there is', async () => {
    const { status, headers } = await ask('OPTIONS', '/functions')
    assert.equal(status, 204)
    assert.equal(headers['allow'], 'GET, POST, HEAD, OPTIONS')
    assert.equal(headers['access-control-allow-methods'], undefined)
    assert.equal(headers['vary'], 'Origin')
  })
})

describe('an answer', () => {
  const json = { 'content-type': 'application/json' }
  const asks: readonly [string, string, Record<string, string>, string | undefined, number][] = [
    ['GET', '/functions', {}, undefined, 200],
    ['GET', '/health', {}, undefined, 200],
    ['GET', '/metrics', {}, undefined, 200],
    ['GET', '/nothing', {}, undefined, 404],
    ['GET', '/functions/900000000', {}, undefined, 404],
    ['PATCH', '/functions', {}, undefined, 405],
    ['POST', '/functions', json, '{', 400],
    ['POST', '/functions', { 'content-type': 'text/plain' }, '{}', 415],
    ['GET', '/functions', { authorization: 'Bearer x' }, undefined, 401],
    ['GET', '/functions', { host: 'rebound.example' }, undefined, 403],
  ]
  for (const [method, path, headers, body, status] of asks) {
    const sent = JSON.stringify(headers)
    it(`to ${method} ${path} ${sent} can be read by pages that are allowed, and varies`, async () => {
      for (const [origin, allowed] of [
        [PAGE, PAGE],
        [LOCAL_PAGE, LOCAL_PAGE],
        [undefined, undefined],
      ]) {
        const given = origin === undefined ? headers : { ...headers, origin }
        const answer = await until(async () => {
          const said = await ask(method, path, given, body)
          // Health of a busy machine may be bad for a moment.
          return said.status !== 503 && said
        })
        assert.equal(answer.status, status, answer.body)
        assert.equal(answer.headers['access-control-allow-origin'], allowed)
        const exposed = answer.headers['access-control-expose-headers'] ?? ''
        for (const name of ['RateLimit', 'Retry-After', 'X-Request-Id', 'Location']) {
          assert.equal(exposed.split(', ').includes(name), allowed !== undefined)
        }
        assert.equal(answer.headers['access-control-allow-credentials'], undefined)
        assert.equal(answer.headers['vary'], 'Origin')
      }
    })
  }

  it('says nothing to a page elsewhere, which so cannot read it', async () => {
    for (const origin of [ELSEWHERE, 'null', `${PAGE}.evil.example`, 'http://app.example']) {
      const { status, headers } = await ask('GET', '/functions', { origin })
      assert.equal(status, 200)
      assert.equal(headers['access-control-allow-origin'], undefined)
      assert.equal(headers['access-control-expose-headers'], undefined)
      assert.equal(headers['vary'], 'Origin')
    }
  })
})

describe('a page that is allowed', () => {
  for (const origin of [PAGE, LOCAL_PAGE]) {
    it(`at ${origin} may do what its visitor may`, async () => {
      const headers = { origin, 'sec-fetch-site': 'cross-site', 'content-type': 'application/json' }
      const { status, body } = await ask('POST', `/functions/${id}/invoke`, headers, '{"a":1}')
      assert.equal(status, 200, body)
    })
  }
})

const FORM = 'application/x-www-form-urlencoded'
/** What a page can send without asking first, and what it might try beside. */
const ATTACKS: Readonly<Record<string, readonly [Record<string, string>, number]>> = {
  'a form': [{ origin: ELSEWHERE, 'content-type': FORM }, 403],
  'a form of a page without an origin': [{ origin: 'null', 'content-type': FORM }, 403],
  'plain text': [{ origin: ELSEWHERE, 'content-type': 'text/plain' }, 403],
  'plain text that says JSON': [
    { origin: ELSEWHERE, 'content-type': 'text/plain; application/json' },
    403,
  ],
  'a multipart form': [
    { origin: ELSEWHERE, 'content-type': 'multipart/form-data; boundary=x' },
    403,
  ],
  'no-cors, no type': [{ origin: ELSEWHERE, 'sec-fetch-site': 'cross-site' }, 403],
  'no-cors whose origin was cut off': [{ 'sec-fetch-site': 'cross-site' }, 403],
  JSON: [{ origin: ELSEWHERE, 'content-type': 'application/json' }, 403],
  'a frame without an origin': [{ origin: 'null', 'content-type': 'application/json' }, 403],
  'a name that was rebound': [
    {
      host: 'rebound.example',
      origin: 'http://rebound.example',
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/json',
    },
    403,
  ],
  'a rebound name and no origin': [
    { host: 'rebound.example:8000', 'content-type': 'application/json' },
    403,
  ],
  'a name of the lambda API, from elsewhere': [
    { host: 'lambda.example', origin: 'https://lambda.example', 'content-type': FORM },
    403,
  ],
}

describe('a page elsewhere', () => {
  const changing = routes.filter(({ method }) => method !== 'GET')

  for (const [what, [headers, status]] of Object.entries(ATTACKS)) {
    it(`changes nothing with ${what}, on any route`, async () => {
      for (const { name, method, template } of changing) {
        for (const body of [undefined, '{}']) {
          const length = { 'content-length': String(body?.length ?? 0) }
          const answer = await ask(method, pathOf(template), { ...headers, ...length }, body)
          assert.equal(answer.status, status, `${name}: ${answer.body}`)
        }
      }
    })
  }

  it('left no function and no job, and lost none', async () => {
    const { functions } = await api.data<{ functions: { id: number }[] }>(200, '/functions')
    assert.equal(functions.length, 1)
    const jobs = await api.jobs(id)
    assert.equal(jobs.length, 2, 'those of the pages that are allowed')
  })

  it('gets no further when its browser says nothing of it: a body must say that it is JSON', async () => {
    const definition = { runtime: 'nodejs', code: NODEJS_ECHO, execution_type: 'sync' }
    const body = JSON.stringify({ name: freshName(), ...definition })
    for (const type of [FORM, 'text/plain', 'multipart/form-data; boundary=x', '']) {
      const headers: Record<string, string> = type === '' ? {} : { 'content-type': type }
      for (const path of ['/functions', `/functions/${id}/invoke`]) {
        assert.equal((await ask('POST', path, headers, body)).status, 415, `${path} ${type}`)
      }
    }
  })

  it('can be given no method by a header or a parameter', async () => {
    const override = { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE' }
    assert.equal((await ask('GET', `/functions/${id}?_method=DELETE`, override)).status, 200)
    assert.equal((await ask('GET', `/functions/${id}`)).status, 200)
  })
})
