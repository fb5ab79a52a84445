/** What every answer carries and every request leaves in the log, over a real connection. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Problem } from '#domain/problem.ts'
import { ROUTES } from '../../apps/edge/access/routes.ts'
import { Router } from '../../apps/edge/http/exchange.ts'
import { authDialect } from '../../apps/edge/surfaces/auth/dialect.ts'
import { functionsDialect } from '../../apps/edge/surfaces/functions/dialect.ts'
import { unwatched as fetch } from '../support/documented.ts'
import { serveRoutes, type Routing } from '../support/routes-server.ts'

const GOING = { since: '2026-01-01T00:00:00Z', sunset: '2026-07-01T00:00:00Z' }
const lines: Record<string, unknown>[] = []
let server: Awaited<ReturnType<typeof serveRoutes>>
let url: string

before(async () => {
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>)
  server = await serveRoutes({ maxBodyBytes: 1_024, write }, mount)
  url = server.url
})
after(() => server[Symbol.asyncDispose]())

function mount(routing: Routing): void {
  const functions = { ...routing, dialect: functionsDialect }
  const router = new Router(functions, {
    ...ROUTES,
    'GET /functions': { scopes: [], deprecated: GOING },
  })
  router.on('GET /functions', () => ({ status: 200, body: '{}' }))
  router.on('GET /jobs/:id', () => ({ status: 200, body: '{}' }))
  const chunks = new Router({ ...routing, dialect: authDialect })
  chunks.on('GET /api/v1/optimizations', ({ query }) => {
    if (query('page') === 'x') throw new Problem('INVALID_REQUEST', 'page must be an integer')
    return { status: 200, body: '{}' }
  })
}

describe('an answer', () => {
  it('says of a route that is going away that it is, and of no other', async () => {
    const going = await fetch(`${url}/functions`)
    assert.equal(going.headers.get('x-api-deprecated'), 'true')
    assert.equal(going.headers.get('sunset'), 'Wed, 01 Jul 2026 00:00:00 GMT')
    const staying = await fetch(`${url}/jobs/1`)
    assert.equal(staying.headers.get('x-api-deprecated'), null)
  })
})

describe('the line of a request', () => {
  it('has the fields of the chunk API document, whatever the answer', async () => {
    const headers = { 'x-request-id': 'well' }
    await fetch(`${url}/api/v1/optimizations?page=1`, { headers })
    await fetch(`${url}/api/v1/optimizations?page=x`, { headers: { 'x-request-id': 'badly' } })
    const of = (id: string) => {
      const { timestamp, response_time, ...line } =
        lines.find((one) => one['request_id'] === id) ?? {}
      assert.ok(Number(response_time) >= 0 && Date.parse(String(timestamp)) > 0)
      return line
    }
    const shared = { process: 'edge', level: 'INFO', method: 'GET', path: '/api/v1/optimizations' }
    assert.deepEqual(of('well'), {
      ...{ ...shared, event: 'request_answered', message: 'request answered' },
      ...{ request_id: 'well', status_code: 200 },
    })
    assert.deepEqual(of('badly'), {
      ...{ ...shared, event: 'request_refused', message: 'page must be an integer' },
      ...{ request_id: 'badly', status_code: 400, code: 'INVALID_REQUEST' },
    })
  })

  it('is for whoever debugs where the document of the API does not want it', async () => {
    await fetch(`${url}/jobs/1`, { headers: { 'x-request-id': 'quiet' } })
    assert.equal(
      lines.find((one) => one['request_id'] === 'quiet'),
      undefined,
    )
  })
})
