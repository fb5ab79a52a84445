import assert from 'node:assert/strict'
import { before, after, test } from 'node:test'
import { sql } from 'kysely'
import { openDatabase, type Database } from '#projections/database.ts'
import { functionMetrics, metricsOfFunctions } from '#projections/function-metrics.ts'
import { pageOfVersions } from '#projections/function-versions.ts'
import { pageOfFunctions } from '#projections/functions.ts'
import { findJobPosition, overdueJobs, pageOfJobs } from '#projections/job-queries.ts'
import { migrate } from '#projections/migrate.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { OWNER } from './fixture.ts'

let database: TestDatabase
let opened: Database

before(async () => {
  database = await createDatabase()
  opened = openDatabase({ url: database.url, name: 'test' })
  await migrate(opened.db)
  // Two jobs a second; every tenth failed, the newest five unfinished.
  await sql`
    insert into jobs (id, function_id, function_version, owner, runtime, status, attempt,
      accepted_at, logs_truncated, input, logs)
    select n, 1, 1, ${OWNER}, 'python',
      case when n > 2495 then 'pending' when n % 10 = 0 then 'failed' else 'success' end, 0,
      timestamptz '2026-03-01 12:00Z' + (n / 2) * interval '1 second', false, 'null', '[]'
    from generate_series(1, 2500) n`.execute(opened.db)
  await sql`analyze jobs`.execute(opened.db)
})

after(async () => {
  await opened[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

test('pages follow each other, newest first, and the last one says so', async () => {
  const ids: number[] = []
  for (let page = 1; ; page++) {
    const { jobs, has_more } = await pageOfJobs(opened.db, OWNER, 1, { page, perPage: 100 })
    ids.push(...jobs.map(({ id }) => id))
    if (!has_more) break
  }
  assert.deepEqual(
    ids,
    Array.from({ length: 2_500 }, (_, n) => 2_500 - n),
  )
})

test('each page begins below the last job of the one before', async () => {
  const ids: number[] = []
  for (let last: number | undefined; ;) {
    const before = last === undefined ? undefined : await findJobPosition(opened.db, OWNER, 1, last)
    const request = { page: 1, perPage: 99, before }
    const { jobs, has_more } = await pageOfJobs(opened.db, OWNER, 1, request)
    ids.push(...jobs.map(({ id }) => id))
    last = ids.at(-1)
    if (!has_more) break
  }
  assert.deepEqual(
    ids,
    Array.from({ length: 2_500 }, (_, n) => 2_500 - n),
  )
  assert.equal(await findJobPosition(opened.db, 'somebody else', 1, 7), undefined)
  assert.equal(await findJobPosition(opened.db, OWNER, 2, 7), undefined)
})

test('a page of large results ends early, and the next one goes on', async () => {
  await sql`
    insert into jobs (id, function_id, function_version, owner, runtime, status, attempt,
      accepted_at, logs_truncated, input, logs, result)
    select n, 3, 1, ${OWNER}, 'python', 'success', 1, timestamptz '2026-03-01 12:00Z', false,
      'null', '[]', to_json(repeat('x', 3 * 1024 * 1024))
    from generate_series(3001, 3007) n`.execute(opened.db)
  const ids: number[][] = []
  for (let last: number | undefined; ;) {
    const before = last === undefined ? undefined : await findJobPosition(opened.db, OWNER, 3, last)
    const request = { page: 1, perPage: 100, before }
    const { jobs, has_more } = await pageOfJobs(opened.db, OWNER, 3, request)
    ids.push(jobs.map(({ id }) => id))
    last = jobs.at(-1)?.id
    if (!has_more) break
  }
  assert.deepEqual(ids, [[3007, 3006, 3005], [3004, 3003, 3002], [3001]])
  await sql`delete from jobs where function_id = 3`.execute(opened.db)
})

test('a page of large functions, or of their versions, ends early, and the next one goes on', async () => {
  const code = 'x'.repeat(3 * 1024 ** 2)
  const definition = JSON.stringify({ code })
  await sql`
    insert into functions (id, owner, name, version, definition, created_at, updated_at)
    select n, 'large', 'f' || n, 1, ${definition}::json, now(), now()
    from generate_series(11, 17) n`.execute(opened.db)
  await sql`
    insert into function_versions (function_id, version, owner, timeout_ms, definition, created_at)
    select 11, n, 'large', 1, ${definition}::json, now()
    from generate_series(1, 7) n`.execute(opened.db)
  const pages = async (read: (after?: number) => Promise<readonly [number[], boolean]>) => {
    const all: number[][] = []
    for (;;) {
      const [page, hasMore] = await read(all.at(-1)?.at(-1))
      all.push(page)
      if (!hasMore) return all
    }
  }
  assert.deepEqual(
    await pages(async (after) => {
      const page = await pageOfFunctions(opened.db, 'large', { first: 100, after })
      return [page.functions.map(({ id }) => id), page.has_more]
    }),
    [[11, 12, 13], [14, 15, 16], [17]],
  )
  assert.deepEqual(
    await pages(async (after) => {
      const page = await pageOfVersions(opened.db, 'large', 11, { first: 2, after })
      return [page.versions.map(({ version }) => version), page.has_more]
    }),
    [[7, 6], [5, 4], [3, 2], [1]],
  )
  const versions = await pageOfVersions(opened.db, 'large', 11, { first: 100 })
  assert.deepEqual([versions.versions.length, versions.has_more], [3, true])
  assert.deepEqual((await pageOfFunctions(opened.db, OWNER, { first: 1 })).functions, [])
})

test('the metrics of several functions are those of each', async () => {
  await sql`
    insert into function_metrics (function_id, day, owner, successful, failed, cancelled, timed,
      duration_us, cpu_us, memory_bytes)
    values (21, '2026-03-01', ${OWNER}, 3, 1, 1, 4, 8000, 4000, 7),
      (21, '2026-03-02', ${OWNER}, 1, 0, 0, 1, 2000, 1000, 9),
      (22, '2026-03-01', ${OWNER}, 0, 2, 0, 2, 600, 60, 5)`.execute(opened.db)
  const together = await metricsOfFunctions(opened.db, OWNER, [21, 22, 23])
  for (const id of [21, 22, 23]) {
    assert.deepEqual(together.get(id), await functionMetrics(opened.db, OWNER, id))
  }
  assert.deepEqual(
    [...together.values()].map(({ total }) => total),
    [5, 2, 0],
  )
  assert.equal((await metricsOfFunctions(opened.db, 'somebody else', [21])).get(21)?.total, 0)
})

test('a page of one status holds that status only', async () => {
  const request = { page: 2, perPage: 100, status: 'failed' } as const
  const { jobs, has_more } = await pageOfJobs(opened.db, OWNER, 1, request)
  assert.equal(jobs.length, 100)
  assert.equal(has_more, true)
  assert.ok(jobs.every(({ status }) => status === 'failed'))
  assert.deepEqual(await pageOfJobs(opened.db, 'somebody else', 1, request), {
    jobs: [],
    has_more: false,
  })
})

test('a page and the overdue jobs are read off an index', async () => {
  const plans = [
    sql`explain select id from jobs where function_id = 1 and owner = ${OWNER}
        order by accepted_at desc, id desc limit 101`,
    sql`explain select id from jobs where status in ('pending', 'running')
        and coalesce(run_at, accepted_at) < now()
        order by coalesce(run_at, accepted_at), id limit 100`,
  ]
  for (const plan of plans) {
    const { rows } = await plan.execute(opened.db)
    const text = JSON.stringify(rows)
    assert.match(text, /Index (Only )?Scan/)
    assert.doesNotMatch(text, /Sort|Seq Scan/)
  }
})

test('overdue jobs come oldest first, page by page', async () => {
  const pendingBefore = '2027-01-01T00:00:00.000Z'
  const first = await overdueJobs(opened.db, { pendingBefore, limit: 3 })
  const rest = await overdueJobs(opened.db, { pendingBefore, limit: 3, after: first.at(-1) })
  assert.deepEqual(
    [...first, ...rest].map(({ id }) => id),
    [2496, 2497, 2498, 2499, 2500],
  )
  assert.equal(first[0]?.timeout_ms, null)
  const early = await overdueJobs(opened.db, {
    pendingBefore: '2026-03-01T12:00:00.000Z',
    limit: 3,
  })
  assert.deepEqual(early, [])
})

test('metrics are zeros before the first run', async () => {
  assert.deepEqual(await functionMetrics(opened.db, OWNER, 99), {
    total: 0,
    successful: 0,
    failed: 0,
    cancelled: 0,
    success_rate: 0,
    avg_duration_ms: 0,
    cpu_percent: 0,
    memory_bytes: 0,
  })
})

test('many starters may migrate one database at once', async () => {
  await using empty = await createDatabase()
  const ran = await Promise.all(
    Array.from({ length: 6 }, async () => {
      await using starter = openDatabase({ url: empty.url, name: 'test', poolSize: 1 })
      return await migrate(starter.db)
    }),
  )
  assert.equal(ran.filter((names) => names.length > 0).length, 1)
})

test('a server that is gone is an error within seconds', async () => {
  const { Server } = await import('node:net')
  const silent = new Server((socket) => void socket.resume())
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  await using dead = openDatabase({ url: `postgres://nobody@127.0.0.1:${port}/x`, name: 'test' })
  await assert.rejects(functionMetrics(dead.db, OWNER, 1), /timeout/)
  silent.close()
})
