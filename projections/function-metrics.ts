/**
 * Read model: what a function's runs came to, in one bucket per day, so that no query ever counts
 * over history.
 *
 * Invariants:
 * 1. A bucket counts the jobs that the same statement really brought to their end, never events: a
 *    repeated end changes no job and so counts for nothing.
 * 2. The day is the log's (when the end was appended), not the executor's: a replay counts alike.
 * 3. A cancelled job says nothing of its function: it is neither successful nor failed here, but
 *    counted for itself.
 * 4. Sums are whole microseconds: their total does not depend on how events fell into batches.
 */
import { sql } from 'kysely'
import type { Db } from './database.ts'
import type { Part } from './statement.ts'

export interface FunctionMetricsTable {
  function_id: number
  day: string
  owner: string
  successful: number
  failed: number
  cancelled: number
  /** Ends that have a duration: the others never ran to an end. */
  timed: number
  duration_us: number
  /** CPU time of the timed ones. */
  cpu_us: number
  memory_bytes: number
}

/** The buckets that the jobs of `table` make; those that have not ended make none. */
export function bucketsOf(table: string, where = 'true'): string {
  return `
    select function_id, counted_on, min(owner),
      count(*) filter (where status = 'success'),
      count(*) filter (where status = 'failed' and not cancelled),
      count(*) filter (where cancelled),
      count(duration_ms),
      coalesce(sum(round(duration_ms * 1000)::bigint), 0)::bigint,
      coalesce(sum(round(cpu_ms * 1000)::bigint) filter (where duration_ms is not null), 0)::bigint,
      max(memory_bytes)
    from ${table} where counted_on is not null and ${where}
    group by function_id, counted_on`
}

/** Reads the rows that the part `changed` returned. */
export function countEnds(changed: string): Part {
  return {
    name: 'counted',
    values: [],
    sql: () => `
      insert into function_metrics as m
        (function_id, day, owner, successful, failed, cancelled, timed, duration_us, cpu_us, memory_bytes)
      ${bucketsOf(changed)}
      on conflict (function_id, day) do update set
        successful = m.successful + excluded.successful,
        failed = m.failed + excluded.failed,
        cancelled = m.cancelled + excluded.cancelled,
        timed = m.timed + excluded.timed,
        duration_us = m.duration_us + excluded.duration_us,
        cpu_us = m.cpu_us + excluded.cpu_us,
        memory_bytes = greatest(m.memory_bytes, excluded.memory_bytes)`,
  }
}

// ── queries ─────────────────────────────────────────────────────────────────────────────────────

export interface FunctionMetrics {
  readonly total: number
  readonly successful: number
  readonly failed: number
  /** Beside the total, which is what succeeded or failed. */
  readonly cancelled: number
  /** 0 to 100. */
  readonly success_rate: number
  readonly avg_duration_ms: number
  /** CPU time over wall time of the runs, times 100. */
  readonly cpu_percent: number
  /** Peak over all runs. */
  readonly memory_bytes: number
}

/** Zeros before the first run has ended. */
export async function functionMetrics(
  db: Db,
  owner: string,
  functionId: number,
): Promise<FunctionMetrics> {
  const sums = await sumsOf(db, owner, [functionId])
  return metricsOf(sums.get(functionId) ?? NONE)
}

/** The same of several functions, by their ids. */
export async function metricsOfFunctions(
  db: Db,
  owner: string,
  functionIds: readonly number[],
): Promise<ReadonlyMap<number, FunctionMetrics>> {
  const sums = await sumsOf(db, owner, functionIds)
  return new Map(functionIds.map((id) => [id, metricsOf(sums.get(id) ?? NONE)]))
}

async function sumsOf(
  db: Db,
  owner: string,
  functionIds: readonly number[],
): Promise<ReadonlyMap<number, Sums>> {
  const rows = await db
    .selectFrom('function_metrics')
    .select([
      'function_id',
      sql<number>`sum(successful)`.as('successful'),
      sql<number>`sum(failed)`.as('failed'),
      sql<number>`sum(cancelled)`.as('cancelled'),
      sql<number>`sum(timed)`.as('timed'),
      sql<number>`sum(duration_us)`.as('duration_us'),
      sql<number>`sum(cpu_us)`.as('cpu_us'),
      sql<number>`max(memory_bytes)`.as('memory_bytes'),
    ])
    .where('function_id', 'in', functionIds)
    .where('owner', '=', owner)
    .groupBy('function_id')
    .execute()
  return new Map(rows.map((row) => [row.function_id, row]))
}

type Sums = Omit<FunctionMetricsTable, 'function_id' | 'day' | 'owner'>

const NONE: Sums = {
  successful: 0,
  failed: 0,
  cancelled: 0,
  timed: 0,
  duration_us: 0,
  cpu_us: 0,
  memory_bytes: 0,
}

function metricsOf(sums: Sums): FunctionMetrics {
  const { successful, failed, cancelled, timed, duration_us, cpu_us, memory_bytes } = sums
  const total = successful + failed
  return {
    total,
    successful,
    failed,
    cancelled,
    success_rate: share(100 * successful, total),
    avg_duration_ms: share(duration_us / 1_000, timed),
    cpu_percent: share(100 * cpu_us, duration_us),
    memory_bytes,
  }
}

const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)
