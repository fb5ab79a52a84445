/**
 * An instance that wants credentials: every route with every scope, as the table says, and every way
 * to be nobody.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ANYBODY_HERE, mayDo, SCOPES, type Scope } from '../../apps/edge/access/principal.ts'
import { ROUTES, type RouteAccess } from '../../apps/edge/access/routes.ts'
import { fetchJson } from '../support/fetch-json.ts'
import { startIdentityProvider, type IdentityProvider } from '../support/identity-provider.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { bearer, tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'
import { FunctionsApi } from './functions-api.ts'

interface Route {
  readonly name: string
  readonly method: string
  readonly template: string
  readonly access: RouteAccess
}

const routes: readonly Route[] = Object.entries(ROUTES).map(([name, access]) => {
  const [method = '', template = ''] = name.split(' ')
  return { name, method, template, access }
})
const pathOf = ({ template }: Route, id: number) => template.replace(/:\w+/g, String(id))

let provider: IdentityProvider
let platform: TestPlatform
const owned = new AsyncDisposableStack()
before(async () => {
  provider = owned.use(await startIdentityProvider())
  await provider.addKey('one')
  // Limits have tests of their own; here one user asks for everything many times.
  const env = { AUTH: 'required', JWKS_URL: provider.url, RATE_LIMITS: 'off' }
  platform = owned.use(await startPlatform({ env }))
})
after(() => owned.disposeAsync())

const tokenFor = (subject: string, ...scopes: Scope[]) => tokenOf(platform, { subject, scopes })

interface Answered {
  readonly status: number
  readonly challenge: string | null
  /** Without what differs from request to request. */
  readonly body: string
}

async function ask(
  { method, path }: { readonly method: string; readonly path: string },
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const response = await fetch(`${platform.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(method !== 'GET' && { body: '{}' }),
  })
  const id = response.headers.get('x-request-id') ?? ''
  const body = (await response.text()).replaceAll(id, '<request id>')
  return { status: response.status, challenge: response.headers.get('www-authenticate'), body }
}

describe('the table of routes', () => {
  it('is what is registered, method by method', async () => {
    for (const template of new Set(routes.map((route) => route.template))) {
      const own = routes.filter((route) => route.template === template)
      const { status, headers } = await fetchJson(`${platform.url}${template}`, {
        method: 'OPTIONS',
      })
      assert.equal(status, 204, `${template} is registered`)
      const methods = new Set(own.map(({ method }) => method))
      if (methods.has('GET')) methods.add('HEAD')
      const allowed = headers.get('allow')?.split(', ') ?? []
      assert.deepEqual(allowed.sort(), [...methods, 'OPTIONS'].sort(), template)
    }
  })

  for (const route of routes) {
    const { name, access } = route
    const { scopes } = access
    it(`${name} takes ${scopes.join(' or ') || 'anybody'}, and nobody else`, async () => {
      const where = { method: route.method, path: pathOf(route, 900_000_000) }
      for (const scope of SCOPES) {
        const principal = { ...ANYBODY_HERE, scopes: new Set([scope]) }
        const letIn = scopes.length === 0 || mayDo(principal, scopes)
        assert.equal(letIn, scopes.length === 0 || [...scopes, 'admin'].includes(scope))
        const { status, challenge } = await ask(where, bearer(await tokenFor('walker', scope)))
        if (letIn) {
          assert.ok(status !== 403 && status < 500, `${scope}: ${status}`)
          if (scopes.length > 0) assert.notEqual(status, 401, scope)
        } else {
          assert.equal(status, 403, scope)
          const wanted = `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"`
          assert.equal(challenge, wanted)
        }
      }
      const none = await ask(where, bearer(await tokenFor('walker')))
      assert.equal(none.status === 403, scopes.length > 0, 'no scope at all')
    })
  }

  for (const route of routes.filter(({ access }) => access.scopes.length > 0)) {
    it(`${route.name} hears nobody, and says to all that are wrong the same`, async () => {
      const where = { method: route.method, path: pathOf(route, 1) }
      const { SLUICE_API_KEY } = platform.credentials
      const token = await tokenFor('ada', 'admin')
      const asked = await ask(where)
      assert.deepEqual([asked.status, asked.challenge], [401, 'Bearer'])
      const inQuery = `${where.path}?access_token=${token}&api_key=${SLUICE_API_KEY}`
      const fromQuery = await ask({ ...where, path: inQuery })
      assert.deepEqual(fromQuery, asked)

      const [head, payload, signature] = token.split('.')
      const wrong: Readonly<Record<string, string>>[] = [
        bearer(`${token}x`),
        bearer(`${head}.${payload}.`),
        bearer(`${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.${signature}`),
        bearer(await provider.sign('one', { sub: 'local', exp: 2 ** 31, scope: 'admin' })),
        bearer('x'.repeat(10_000)),
        bearer(SLUICE_API_KEY.slice(1)),
        { authorization: `Basic ${Buffer.from(`admin:${SLUICE_API_KEY}`).toString('base64')}` },
        { 'x-api-key': token },
        { 'x-api-key': '' },
        { 'x-api-key': SLUICE_API_KEY, ...bearer(token) },
      ]
      const answers = await Promise.all(wrong.map((headers) => ask(where, headers)))
      for (const answer of answers) assert.deepEqual(answer, answers[0])
      const { status, challenge, body } = answers[0] as Answered
      assert.deepEqual([status, challenge], [401, 'Bearer error="invalid_token"'])
      assert.match(body, /unauthorized/i)
    })
  }
})

describe('whoever has credentials', () => {
  it('enters with a token of ours, of the provider, or the key that was made', async () => {
    const claims = { sub: 'eve', exp: Math.floor(Date.now() / 1_000) + 60, scope: 'read:functions' }
    const { SLUICE_API_KEY } = platform.credentials
    for (const headers of [
      bearer(await tokenFor('ada', 'read:functions')),
      bearer(await provider.sign('one', claims)),
      bearer(SLUICE_API_KEY),
      { 'x-api-key': SLUICE_API_KEY },
    ]) {
      const { status, body } = await ask({ method: 'GET', path: '/functions' }, headers)
      assert.equal(status, 200, body)
    }
  })

  it('is told to come back while the provider is out of reach', async () => {
    await provider.addKey('two')
    provider.fails = { status: 500, body: '' }
    await using unheard = await startPlatform({
      env: { AUTH: 'required', JWKS_URL: provider.url },
    })
    const token = await provider.sign('two', {
      sub: 'eve',
      exp: Math.floor(Date.now() / 1_000) + 60,
    })
    const { status, headers } = await fetchJson(`${unheard.url}/functions`, {
      headers: bearer(token),
    })
    provider.fails = undefined
    assert.equal(status, 503)
    assert.ok(Number(headers.get('retry-after')) >= 1)
    assert.equal(headers.get('www-authenticate'), null)
  })

  it('may be here under any name, and pages of elsewhere may not read along', async () => {
    const headers = bearer(await tokenFor('ada', 'read:functions', 'functions:write'))
    const { status, headers: told } = await fetchJson(`${platform.url}/functions`, {
      headers: { ...headers, origin: 'http://localhost:3000' },
    })
    assert.equal(status, 200)
    assert.equal(told.get('access-control-allow-origin'), null)
    assert.equal(told.get('vary'), 'Origin')
  })

  it('runs what their scope names, and nothing in another language', async () => {
    const api = new FunctionsApi(platform.url, bearer(await tokenFor('ada', 'admin')))
    const [python, nodejs] = [
      await api.register({ runtime: 'python' }),
      await api.register({ runtime: 'nodejs' }),
    ]
    const pythonist = new FunctionsApi(
      platform.url,
      bearer(await tokenFor('ada', 'execute:python')),
    )
    assert.equal((await pythonist.call(python)).status, 'success')
    const { code, details } = await pythonist.refusal(403, `/functions/${nodejs}/invoke`, {
      json: {},
    })
    assert.equal(code, 'FORBIDDEN')
    assert.deepEqual(details['required_scope'], ['execute:all', 'execute:nodejs'])
    const anybody = new FunctionsApi(platform.url, bearer(await tokenFor('ada', 'execute:all')))
    assert.equal((await anybody.call(nodejs)).status, 'success')
  })

  it('hears by an Idempotency-Key nothing that they may not run', async () => {
    const as = async (...scopes: Scope[]) =>
      new FunctionsApi(platform.url, bearer(await tokenFor('ada', ...scopes)))
    const id = await (await as('admin')).register({ runtime: 'nodejs' })
    const path = `/functions/${id}/invoke`
    const request = { json: { n: 1 }, headers: { 'idempotency-key': 'heard' } }
    const runner = await as('execute:nodejs')
    assert.equal((await runner.ask(path, request)).status, 200)
    assert.equal((await runner.ask(path, request)).headers.get('idempotency-replayed'), 'true')
    const { code } = await (await as('execute:python')).refusal(422, path, request)
    assert.equal(code, 'KEY_REUSED')
  })

  it('has nothing run by a schedule that they may not run themselves', async () => {
    const as = async (...scopes: Scope[]) =>
      new FunctionsApi(platform.url, bearer(await tokenFor('tick', ...scopes)))
    const writer = await as('functions:write')
    const pythonist = await as('functions:write', 'execute:python')
    const schedule = { cron: '@yearly' }
    const required = async (api: FunctionsApi, path: string, method: string, json: object) => {
      const { code, details } = await api.refusal(403, path, { method, json })
      assert.equal(code, 'FORBIDDEN')
      return details['required_scope']
    }
    const code = 'def handler(event): return 2'
    const input = { name: 'ticks', runtime: 'python', code, execution_type: 'sync', schedule }
    const wanted = ['execute:all', 'execute:python']
    assert.deepEqual(await required(writer, '/functions', 'POST', input), wanted)
    const path = `/functions/${await writer.register()}`
    assert.deepEqual(await required(writer, path, 'PUT', { schedule }), wanted)
    await pythonist.data(200, path, { method: 'PUT', json: { schedule } })
    assert.deepEqual(await required(writer, path, 'PUT', { code }), wanted)
    const other = { runtime: 'nodejs', code: 'function handler() {}' }
    assert.deepEqual(await required(pythonist, path, 'PUT', other), [
      'execute:all',
      'execute:nodejs',
    ])
    await writer.data(200, path, { method: 'PUT', json: { schedule: null } })
    await writer.data(200, path, { method: 'PUT', json: { code } })
  })
})

it('health and metrics need no credentials', async () => {
  for (const path of ['/health', '/metrics']) {
    await until(async () => (await fetch(`${platform.url}${path}`)).status === 200)
  }
})

it('the log says why somebody was refused, and never with what', async () => {
  const token = await provider.sign('one', { sub: 'late', exp: 1 })
  const headers = { ...bearer(token), 'x-request-id': 'refused-for-a-reason' }
  assert.equal((await ask({ method: 'GET', path: '/functions' }, headers)).status, 401)
  const line = await until(() =>
    platform.lines.find((it) => it.includes('refused-for-a-reason') && it.includes('reason')),
  )
  const { code, reason } = JSON.parse(line) as Record<string, unknown>
  assert.deepEqual([code, reason], ['UNAUTHORIZED', '"exp" claim timestamp check failed'])
  for (const secret of [token, ...Object.values(platform.credentials)]) {
    for (const it of platform.lines) assert.ok(!it.includes(secret))
  }
})
