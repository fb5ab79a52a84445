/** What belongs to somebody else is, on every route, as unknown as what is not there. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, it } from 'node:test'
import { ROUTES, type RouteAccess, type RouteName } from '../../apps/edge/access/routes.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { bearer, tokenOf } from '../support/tokens.ts'
import { AccountsApi } from './accounts-api.ts'
import { ChunksApi, chunk, SAMPLE, type Fields } from './chunks-api.ts'
import { FunctionsApi, type Job } from './functions-api.ts'
import { LambdaApi } from './lambda-api.ts'

/** As a path shows them; whoever adds another kind of id adds what is Ada's of it. */
interface Ids {
  readonly function: string
  readonly job: string
  readonly session: string
  readonly title: string
  readonly key: string
  readonly optimization: string
  readonly document: string
}

const KINDS: Readonly<Record<string, keyof Ids>> = {
  '/functions/:function_id': 'function',
  '/jobs/:id': 'job',
  '/api/v1/execute/:request_id': 'session',
  '/api/v1/sessions/:request_id': 'session',
  '/api/v1/functions/:language_title': 'title',
  '/api/v1/keys/:key_id': 'key',
  '/api/v1/optimizations/:id': 'optimization',
  '/api/v1/documents/:document_id': 'document',
}
const UNKNOWN: Ids = {
  function: '900000000',
  job: '900000000',
  session: randomUUID(),
  title: 'python-of-nobody',
  key: '0123456789ab',
  optimization: randomUUID(),
  document: 'document-of-nobody',
}
/** Where an empty one would be refused for itself. */
const BODIES: Partial<Record<RouteName, object>> = {
  'POST /api/v1/execute/:request_id': { params: {} },
  'PATCH /api/v1/optimizations/:id': { status: 'ignored' },
}

/** An admin's are nobody's own. */
const isForAdmins = ({ scopes }: RouteAccess) => scopes.every((scope) => scope === 'admin')
const WITH_IDS = (Object.keys(ROUTES) as RouteName[]).filter(
  (route) => route.includes('/:') && !isForAdmins(ROUTES[route]),
)

let platform: TestPlatform
let ada: FunctionsApi
let eve: FunctionsApi
let adasKeys: AccountsApi
let adasSessions: LambdaApi
let theirs: Ids
let adasKey: string
before(async () => {
  platform = await startPlatform({ env: { AUTH: 'required', RATE_LIMITS: 'off' } })
  const { url } = platform
  const token = await tokenOf(platform, { subject: 'ada', scopes: ['admin'] })
  ada = new FunctionsApi(url, bearer(token))
  eve = new FunctionsApi(
    url,
    bearer(await tokenOf(platform, { subject: 'eve', scopes: ['admin'] })),
  )
  // Not 1, which a version is too.
  await ada.register()
  const function_id = await ada.register({ name: 'of-ada' })
  const { id: job_id }: Job = await ada.call(function_id)
  adasSessions = new LambdaApi(url, bearer(token))
  const { request_id } = await adasSessions.initialize('python-of-ada')
  adasKeys = new AccountsApi(url, token)
  const { id: key_id, key } = await adasKeys.createKey(['read:functions'])
  adasKey = key
  const chunks = new ChunksApi(url)
  const headers = bearer(token)
  const document = 'document-of-ada'
  const analyzed = await chunks.ask<{ optimizations: readonly Fields[] }>(
    '/api/v1/documents/analyze',
    { json: { document_id: document, chunks: [chunk(SAMPLE)] }, headers },
  )
  theirs = {
    function: String(function_id),
    job: String(job_id),
    session: request_id,
    title: 'python-of-ada',
    key: key_id,
    optimization: String(analyzed.body.optimizations[0]?.['id']),
    document,
  }
})
after(() => platform.stop())

/** Eve's answer, without what differs from id to id and from request to request. */
async function seenByEve(method: string, path: string, id: string, json: object = {}) {
  const request = method === 'GET' || method === 'DELETE' ? {} : { json }
  const { status, headers, body } = await eve.ask(path, { method, ...request })
  const requestId = headers.get('x-request-id') ?? ''
  const text = JSON.stringify(body).replaceAll(requestId, '<request>').replaceAll(id, '<id>')
  return { status, text }
}

for (const route of WITH_IDS) {
  const [method = '', template = ''] = route.split(' ')
  it(`${route} tells nothing of it`, async () => {
    const [prefix = ''] = /^.*?\/:\w+/.exec(template) ?? []
    const kind = KINDS[prefix]
    assert.ok(kind, 'nothing of Ada’s to ask for')
    const ask = (ids: Ids) => {
      const id = ids[kind]
      const path = template.replace(prefix, prefix.replace(/:\w+/, id)).replace(/:\w+/g, '1')
      return seenByEve(method, path, id, BODIES[route])
    }
    const unknown = await ask(UNKNOWN)
    assert.equal(unknown.status, 404, unknown.text)
    assert.deepEqual(await ask(theirs), unknown)
  })
}

it('is in no list, behind no cursor, and its name is free', async () => {
  const lists: [string, string][] = [
    ['/functions', 'functions'],
    ['/api/v1/functions', 'functions'],
    ['/api/v1/keys', 'keys'],
    ['/api/v1/optimizations', 'data'],
  ]
  for (const [path, name] of lists) {
    const { status, body } = await eve.ask(path)
    const listed = (path === '/functions' ? body.data : body) as Fields
    assert.deepEqual([status, listed[name]], [200, []], path)
  }
  const own = await eve.register({ name: 'of-ada' })
  assert.notEqual(String(own), theirs.function)
  const before = (id: string) => seenByEve('GET', `/functions/${own}/jobs?before=${id}`, id)
  const unknown = await before(UNKNOWN.job)
  assert.equal(unknown.status, 400)
  assert.deepEqual(await before(theirs.job), unknown)
})

it('is still there for its owner', async () => {
  assert.equal((await ada.job(Number(theirs.job))).status, 'success')
  assert.equal((await ada.call(Number(theirs.function))).status, 'success')
  assert.equal((await adasSessions.session(theirs.session)).execution_count, 0)
  assert.equal((await adasSessions.execute(theirs.session)).status, 200)
  assert.equal((await adasKeys.key(theirs.key))?.revoked_at, null)
  await adasKeys.as(adasKey).get(200, '/functions')
  const optimization = await ada.ask(`/api/v1/optimizations/${theirs.optimization}`)
  assert.equal((optimization.body as unknown as Fields)['status'], 'pending')
})
