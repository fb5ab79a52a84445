/** The steps of a rebuild; `rebuild.ts` says what they promise. */
import { sql } from 'kysely'
import type { Client } from 'pg'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import {
  CheckpointError,
  checkStored,
  milliseconds,
  readCheckpoint,
  replaceCheckpoint,
  resume,
  type Position,
  type Streams,
} from '#projections/checkpoint.ts'
import { newClient, openDatabase, type Db } from '#projections/database.ts'
import { migrate } from '#projections/migrate.ts'
import {
  keepOld,
  lockModels,
  MODELS,
  REBUILD_SCHEMA,
  swap,
  type Model,
} from '#projections/rebuilt.ts'
import type { Log } from '#runtime/log.ts'
import { Replay } from './replay.ts'
import { streamEnds } from './stream-ends.ts'

const STATEMENT_TIMEOUT_MS = 3_600_000
/** A tail as short as this is applied while readers wait. */
const SHORT_TAIL = 1_000
const DAY_MS = 86_400_000

export interface RebuildOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly databaseUrl: string
  readonly log: Log
  readonly signal: AbortSignal
  readonly models: readonly Model[]
}

export interface Rebuilt {
  readonly messages: number
  readonly position: Position
  /** First day that was rebuilt; undefined: all of them. */
  readonly coveredFrom: string | undefined
}

export async function rebuild(options: RebuildOptions): Promise<Rebuilt> {
  const { bus, databaseUrl: url, models, log } = options
  const opening = { url, name: 'rebuild', statementTimeoutMs: STATEMENT_TIMEOUT_MS }
  await using live = openDatabase({ ...opening, poolSize: 2 })
  const { db } = live
  await migrate(db)
  return await alone(db, async () => {
    const ends = await streamEnds(bus)
    await prepareSchema(db, opening, ends)
    const client = newClient({ ...opening, schema: REBUILD_SCHEMA })
    // A lost connection fails the statement that runs on it; nobody else needs to hear of it.
    client.on('error', () => undefined)
    await client.connect()
    try {
      await client.query('set synchronous_commit = off')
      const replay = new Replay({ ...options, connection: connectionOf(client) })
      await catchUp(db, replay, ends, models)
      const coveredFrom = await takeTheirPlace(db, replay, ends, models)
      log.debug('swapped', { coveredFrom })
      return { messages: replay.applied, position: replay.position, coveredFrom }
    } finally {
      await client.end().catch(() => undefined)
      await dropSchema(db)
    }
  })
}

/** One rebuild at a time: they would share a schema. */
async function alone<T>(db: Db, work: () => Promise<T>): Promise<T> {
  return db.connection().execute(async (connection) => {
    const { rows } = await sql<{ locked: boolean }>`
      select pg_try_advisory_lock(hashtext('sluice rebuild')) as locked`.execute(connection)
    if (rows[0]?.locked !== true) throw new Error('another rebuild is running on this database')
    return work()
  })
}

async function prepareSchema(
  db: Db,
  opening: Parameters<typeof openDatabase>[0],
  ends: Streams,
): Promise<void> {
  await dropSchema(db)
  await sql`create schema ${sql.id(REBUILD_SCHEMA)}`.execute(db)
  await using draft = openDatabase({ ...opening, poolSize: 1, schema: REBUILD_SCHEMA })
  await migrate(draft.db, REBUILD_SCHEMA)
  await resume(draft.db, ends)
}

const dropSchema = (db: Db) =>
  sql`drop schema if exists ${sql.id(REBUILD_SCHEMA)} cascade`.execute(db)

function connectionOf(client: Client) {
  return {
    query: (statement: { name: string; text: string; values: unknown[] }) =>
      client.query<object>(statement),
  }
}

/** Until the new tables are close behind where the projector stands. */
async function catchUp(db: Db, replay: Replay, ends: Streams, models: readonly Model[]) {
  for (;;) {
    const target = await targetOf(db, ends, models)
    const { events, commands } = replay.position
    if (target.events - events + (target.commands - commands) <= SHORT_TAIL) return
    await replay.to(target)
  }
}

async function takeTheirPlace(
  db: Db,
  replay: Replay,
  ends: Streams,
  models: readonly Model[],
): Promise<string | undefined> {
  return db.transaction().execute(async (tx) => {
    await lockModels(tx)
    const stored = await readCheckpoint(tx)
    await replay.to(await targetOf(tx, ends, models))
    const sameLog = stored?.events_created === milliseconds(ends.events.created)
    const since = sameLog ? replay.wholeSince : Date.parse(ends.events.created)
    const coveredFrom = since === undefined ? undefined : firstWholeDay(since)
    await keepOld(tx, coveredFrom)
    await swap(tx, models)
    await replaceCheckpoint(tx, ends, replay.position)
    return coveredFrom
  })
}

/** Where the projector stands; where the log ends if it stands nowhere on this log. */
async function targetOf(db: Db, ends: Streams, models: readonly Model[]): Promise<Position> {
  const stored = await readCheckpoint(db)
  try {
    if (stored !== undefined) return checkStored(stored, ends)
  } catch (error) {
    if (!(error instanceof CheckpointError)) throw error
    if (models.length < Object.keys(MODELS).length) throw error
  }
  return { events: ends.events.lastSeq, commands: ends.commands.lastSeq }
}

function firstWholeDay(since: number): string {
  return new Date(Math.ceil(since / DAY_MS) * DAY_MS).toISOString().slice(0, 10)
}
