/** A query of GraphQL ends in time, whatever the database does meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { sql } from 'kysely'
import { openDatabase } from '#projections/database.ts'
import { migrate } from '#projections/migrate.ts'
import { createLog } from '#runtime/log.ts'
import { createTelemetry } from '#runtime/telemetry.ts'
import { ANYBODY_HERE } from '../../apps/edge/access/principal.ts'
import { Admission } from '../../apps/edge/http/admission.ts'
import { serveHttp } from '../../apps/edge/http/server.ts'
import { Queries } from '../../apps/edge/queries.ts'
import { mountGraphql } from '../../apps/edge/surfaces/graphql/mount.ts'
import { fetchJson } from '../support/fetch-json.ts'
import { createDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const WITHIN_MS = 1_000
const QUERY = { query: '{ optimizations { data { id } } }' }

interface Told {
  readonly code?: string
  readonly detail?: string
  readonly data?: unknown
}

test('a query that waits for a locked table is told that it took too long, and the next is answered', async () => {
  await using database = await createDatabase()
  await using opened = openDatabase({ url: database.url, name: 'test', poolSize: 4 })
  await migrate(opened.db)
  const app = new Hono<{ Bindings: HttpBindings }>()
  const admission = new Admission({ maxRequests: 10, maxLargeBytes: 1_024 })
  mountGraphql(
    {
      ...{ app, admission },
      telemetry: createTelemetry({ process: 'edge', instance: 'e1' }),
      log: createLog({ process: 'edge', level: 'error', write: () => undefined }),
      guard: () => ({ principal: ANYBODY_HERE, headers: {} }),
      once: () => assert.fail('no request here has a key'),
      stopping: new AbortController().signal,
      ...{ maxBodyBytes: 65_536, maxLargeBodyBytes: 65_536 },
    },
    {
      queries: new Queries(opened.db, { caughtUp: () => Promise.resolve(true) }, () => undefined),
      // Nobody subscribes here.
      feed: undefined as never,
      withinMs: WITHIN_MS,
    },
  )
  await using server = await serveHttp({
    ...{ host: '127.0.0.1', port: 0, fetch: app.fetch },
    prepare: () => undefined,
    refuse: () => undefined,
    failed: (error) => assert.fail(String(error)),
    malformed: () => '',
  })
  const ask = () => fetchJson<Told>(`http://127.0.0.1:${server.port}/graphql`, { json: QUERY })
  const isAnswered = () => until(async () => (await ask()).status === 200)
  await isAnswered()

  await opened.db.transaction().execute(async (tx) => {
    await sql`lock table optimizations in access exclusive mode`.execute(tx)
    const { status, body, headers } = await ask()
    assert.equal(status, 504, JSON.stringify(body))
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.equal(body.code, 'TIMEOUT')
    assert.equal(body.detail, `The query was not done within ${WITHIN_MS} ms.`)
  })
  await isAnswered()
})
