/**
 * Puts rebuilt read models in the place of the old ones.
 *
 * The new tables were made and filled in a schema of their own, by the same migrations and the same
 * statements; moving a table to another schema keeps its indexes and their names.
 *
 * Invariants:
 * 1. Whoever reads sees the old tables or the new ones, whole.
 * 2. `coveredFrom` is the first day that the log still holds whole; what was counted before it is
 *    kept as it was. Without it the log holds everything.
 * 3. A job counts on one day: an end that is kept wins over a repeat that the log still holds.
 * 4. The last use of a key is kept: the log lets go of uses.
 * 5. An unfinished job that the log does not know any more is kept: somebody still has to end it.
 */
import { sql, type Transaction } from 'kysely'
import type { Schema } from './database.ts'
import { bucketsOf } from './function-metrics.ts'

export const REBUILD_SCHEMA = 'rebuild'

/** Model name → table. The order is the one in which a batch locks them. */
export const MODELS = {
  functions: 'functions',
  'function-versions': 'function_versions',
  jobs: 'jobs',
  'function-metrics': 'function_metrics',
  sessions: 'sessions',
  'session-executions': 'session_executions',
  users: 'users',
  'api-keys': 'api_keys',
  optimizations: 'optimizations',
  settlements: 'settlements',
  'document-reports': 'document_reports',
  'chunk-index': 'chunk_index',
} as const

export type Model = keyof typeof MODELS

type Tx = Transaction<Schema>

/** Nobody reads or writes the old tables from here to the end of the transaction. */
export async function lockModels(tx: Tx): Promise<void> {
  const tables = Object.values(MODELS).map((table) => sql.table(`public.${table}`))
  await sql`lock table ${sql.join(tables)} in access exclusive mode`.execute(tx)
}

/** Brings into the new tables what only the old ones know. */
export async function keepOld(tx: Tx, coveredFrom: string | undefined): Promise<void> {
  if (coveredFrom !== undefined) {
    const recount = await endsCountedTwice(tx, coveredFrom)
    await keepOldJobs(tx, coveredFrom)
    await keepOldMetrics(tx, coveredFrom)
    await keepOldSessions(tx, coveredFrom)
    await keepOldOptimizations(tx, coveredFrom)
    await keepOldReports(tx, coveredFrom)
    await keepOldChunks(tx, coveredFrom)
    for (const { function_id, day } of recount) await recountDay(tx, function_id, day)
  }
  await sql`
    insert into rebuild.jobs select * from public.jobs where counted_on is null
    on conflict do nothing`.execute(tx)
  await keepLastUses(tx)
}

export async function swap(tx: Tx, models: readonly Model[]): Promise<void> {
  for (const model of models) {
    const table = MODELS[model]
    await sql`drop table ${sql.table(`public.${table}`)}`.execute(tx)
    await sql`alter table ${sql.table(`rebuild.${table}`)} set schema public`.execute(tx)
  }
}

/** Days whose new counters include an end that an older, kept row has had before. */
async function endsCountedTwice(tx: Tx, coveredFrom: string) {
  const { rows } = await sql<{ function_id: number; day: string }>`
    select distinct n.function_id, n.counted_on as day
    from rebuild.jobs n join public.jobs o using (id)
    where o.counted_on < ${coveredFrom}::date and n.counted_on >= ${coveredFrom}::date
  `.execute(tx)
  return rows
}

async function keepOldJobs(tx: Tx, coveredFrom: string): Promise<void> {
  await sql`
    delete from rebuild.jobs n using public.jobs o
    where n.id = o.id and o.counted_on < ${coveredFrom}::date`.execute(tx)
  await sql`
    insert into rebuild.jobs select * from public.jobs where counted_on < ${coveredFrom}::date
  `.execute(tx)
}

async function keepOldMetrics(tx: Tx, coveredFrom: string): Promise<void> {
  await sql`
    delete from rebuild.function_metrics n using public.function_metrics o
    where n.function_id = o.function_id and n.day = o.day and o.day < ${coveredFrom}::date
  `.execute(tx)
  await sql`
    insert into rebuild.function_metrics
    select * from public.function_metrics where day < ${coveredFrom}::date`.execute(tx)
}

/** With their counts: the log may still hold some of their executions, but not all. */
async function keepOldSessions(tx: Tx, coveredFrom: string): Promise<void> {
  const isOld = sql`(select id from public.sessions where created_at < ${coveredFrom}::date)`
  await sql`delete from rebuild.sessions where id in ${isOld}`.execute(tx)
  await sql`delete from rebuild.session_executions where session_id in ${isOld}`.execute(tx)
  await sql`
    insert into rebuild.sessions
    select * from public.sessions where created_at < ${coveredFrom}::date`.execute(tx)
  await sql`
    insert into rebuild.session_executions
    select * from public.session_executions where session_id in ${isOld}`.execute(tx)
}

async function keepOldOptimizations(tx: Tx, coveredFrom: string): Promise<void> {
  await sql`
    insert into rebuild.optimizations
    select * from public.optimizations where created_at < ${coveredFrom}::date
    on conflict do nothing`.execute(tx)
}

async function keepOldReports(tx: Tx, coveredFrom: string): Promise<void> {
  await sql`
    insert into rebuild.document_reports
    select * from public.document_reports where created_at < ${coveredFrom}::date
    on conflict do nothing`.execute(tx)
}

/** What the new table has of the same documents and chunks is older still. */
async function keepOldChunks(tx: Tx, coveredFrom: string): Promise<void> {
  await sql`
    delete from rebuild.chunk_index n using public.chunk_index o
    where n.owner = o.owner and n.document_id = o.document_id
      and (n.document_id <> '' or n.chunk_id = o.chunk_id)
      and o.analysed_on < ${coveredFrom}::date`.execute(tx)
  await sql`
    insert into rebuild.chunk_index
    select * from public.chunk_index where analysed_on < ${coveredFrom}::date`.execute(tx)
}

async function keepLastUses(tx: Tx): Promise<void> {
  await sql`
    update rebuild.api_keys n set last_used_at = greatest(n.last_used_at, o.last_used_at)
    from public.api_keys o where n.id = o.id`.execute(tx)
}

async function recountDay(tx: Tx, functionId: number, day: string): Promise<void> {
  await sql`
    delete from rebuild.function_metrics
    where function_id = ${functionId} and day = ${day}::date`.execute(tx)
  await sql`
    insert into rebuild.function_metrics
      (function_id, day, owner, successful, failed, cancelled, timed, duration_us, cpu_us, memory_bytes)
    ${sql.raw(bucketsOf('rebuild.jobs'))}
    having function_id = ${functionId} and counted_on = ${day}::date
  `.execute(tx)
}
