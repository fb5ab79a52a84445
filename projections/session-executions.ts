/**
 * Read model: how often a session was executed, and when last. A table of its own, so that a session
 * and its first execution may come in one batch.
 *
 * Invariant: it counts the jobs that the same statement really brought to their end, as the metrics
 * of functions do (`function-metrics.ts`).
 */
import type { Db } from './database.ts'
import type { Part } from './statement.ts'

export interface SessionExecutionsTable {
  session_id: string
  execution_count: number
  last_executed_at: string
}

/** Reads the rows that the part `changed` returned. */
export function countExecutions(changed: string): Part {
  return {
    name: 'executed',
    values: [],
    sql: () => `
      insert into session_executions as e (session_id, execution_count, last_executed_at)
      select session_id, count(*), max(accepted_at) from ${changed}
      where counted_on is not null and session_id is not null
      group by session_id
      on conflict (session_id) do update set
        execution_count = e.execution_count + excluded.execution_count,
        last_executed_at = greatest(e.last_executed_at, excluded.last_executed_at)`,
  }
}

// ── queries ─────────────────────────────────────────────────────────────────────────────────────

export interface SessionExecutions {
  readonly execution_count: number
  readonly last_executed_at: string | null
}

export async function sessionExecutions(db: Db, sessionId: string): Promise<SessionExecutions> {
  const row = await db
    .selectFrom('session_executions')
    .select(['execution_count', 'last_executed_at'])
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  return row ?? { execution_count: 0, last_executed_at: null }
}
