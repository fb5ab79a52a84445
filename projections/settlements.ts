/**
 * Read model: what was decided of optimizations. It stays when the suggestion goes: should the same
 * content come back, so does the decision.
 *
 * Applies `optimization.settled`; the newest counts.
 */
import type { OptimizationSettled, SettledStatus } from '#events/analyses.ts'
import { sql } from 'kysely'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import { column, type Part } from './statement.ts'

export interface SettlementTable {
  optimization_id: string
  owner: string
  status: SettledStatus
  settled_at: string
}

export type SettlementChanges = Map<string, SettlementTable>

export function applyToSettlements(
  changes: SettlementChanges,
  { data: { optimization_id, owner, status, settled_at } }: OptimizationSettled,
): void {
  changes.set(optimization_id, { optimization_id, owner, status, settled_at })
}

export function upsertSettlements(changes: SettlementChanges): Part {
  const rows = [...changes.values()]
  return {
    name: 'settled',
    values: [
      column(rows.map((row) => row.optimization_id)),
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.status)),
      column(rows.map((row) => row.settled_at)),
    ],
    sql: ($) => `
      insert into settlements (optimization_id, owner, status, settled_at)
      select r.* from ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::timestamptz[]) r
      on conflict (optimization_id) do update set
        status = excluded.status, settled_at = excluded.settled_at`,
  }
}

/** What was decided of these, as far as anything was. */
export async function settledAmong(
  db: Db,
  ids: readonly string[],
): Promise<ReadonlyMap<string, SettledStatus>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('settlements')
    .select(['optimization_id', 'status'])
    .where('optimization_id', '=', sql<string>`any(${ids})`)
    .execute()
  return new Map(rows.map(({ optimization_id, status }) => [optimization_id, status]))
}
