/**
 * Wherever a log is cut into batches, the rows are the same: what happens at random, with repeats and
 * out of order, one by one and in batches. (Only that something ends before it ever began is no log.)
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { applyBatch, type Connection } from '#projections/batch.ts'
import { resume } from '#projections/checkpoint.ts'
import { newClient, openDatabase } from '#projections/database.ts'
import { migrate } from '#projections/migrate.ts'
import { happeningIn, type Recorded } from '#projections/recorded.ts'
import { Random } from '#test/support/random.ts'
import { createDatabase } from '../support/postgres.ts'
import { allRows, AT, TABLES, type Said } from './fixture.ts'
import {
  cached,
  cancelled,
  closed,
  defined,
  deleted,
  failed,
  initialized,
  keyCreated,
  keyRevoked,
  keyUsed,
  ofSession,
  retrying,
  run,
  started,
  succeeded,
  userDeleted,
  userSaid,
} from './happenings.ts'

const LOGS = 40
const HOURS_8 = 8 * 3_600_000

/** What begins, and what may then follow of it. */
const HAPPENING: Readonly<Record<string, readonly [readonly Said[], readonly Said[]]>> = {
  jobs: [
    [],
    [
      ...[run(1), started(1, 1, 2), retrying(1), retrying(1, 1, 2), cached(1, 5), failed(1)],
      ...[cancelled(1), succeeded(1, 1, { ...ofSession(), attempt: 2 })],
    ],
  ],
  sessions: [[initialized()], [initialized(), closed(), closed(undefined, 1, 'lost')]],
  keys: [[keyCreated('k')], [keyCreated('k'), keyRevoked('k'), keyUsed('k', 1), keyUsed('k', 2)]],
  users: [[], [userSaid('u'), userSaid('u', 2), userDeleted('u', 3), userSaid('v')]],
  functions: [[defined(1)], [defined(1), defined(1, 2), defined(1, 3), deleted(1, 3), defined(2)]],
}

test('one by one and in batches, the rows are the same', async () => {
  await using owned = new AsyncDisposableStack()
  const { url } = owned.use(await createDatabase())
  const { db } = owned.use(openDatabase({ url, name: 'test', poolSize: 1 }))
  await migrate(db)
  const stream = { created: AT, lastSeq: 0 }
  await resume(db, { events: stream, commands: stream })
  const client = newClient({ url, name: 'test' })
  await client.connect()
  owned.defer(() => client.end())
  const connection: Connection = { query: (statement) => client.query<object>(statement) }

  const rowsOf = async (log: readonly Recorded[], ends: readonly number[]) => {
    await sql.raw(TABLES.map((table) => `delete from ${table};`).join('')).execute(db)
    await db.updateTable('checkpoint').set({ events_seq: 0 }).execute()
    let from = 0
    for (const to of ends) {
      const [before, after] = [from, to].map((events) => ({ events, commands: 0 }))
      await applyBatch(connection, before!, after!, log.slice(from, to))
      from = to
    }
    return allRows(db)
  }

  const random = new Random(1)
  for (const [name, [first, then]] of Object.entries(HAPPENING)) {
    for (let nth = 0; nth < LOGS; nth++) {
      const told = [...first, ...Array.from({ length: 7 }, () => random.pick(then))]
      const log = told.map(({ message }, i): Recorded => {
        const from = message.type === 'job.run' ? 'COMMANDS' : 'EVENTS'
        const at = Date.parse(AT) + i * HOURS_8
        return { stream: 'EVENTS', seq: i + 1, at, happening: happeningIn(from, message) }
      })
      const ones = log.map(({ seq }) => seq)
      const ends = ones.filter((seq) => seq === log.length || random.below(3) === 0)
      const what = `${name}: ${told.map(({ message }) => message.type).join()} cut at ${ends.join()}`
      assert.deepEqual(await rowsOf(log, ends), await rowsOf(log, ones), what)
    }
  }
})
