/**
 * Read model: sessions, from their initialization to their end. How often each was executed, the
 * model beside it counts (`session-executions.ts`).
 *
 * Applies `session.initialized` and `session.closed`. The first one of each kind counts.
 */
import type { CloseReason, SessionEvent } from '#events/sessions.ts'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import { column, type Part } from './statement.ts'

export interface SessionTable {
  id: string
  owner: string
  function_id: number
  function_version: number
  language_title: string
  created_at: string
  expires_at: string
  closed_at: string | null
  close_reason: CloseReason | null
  timeout_ms: number | null
}

// ── events ──────────────────────────────────────────────────────────────────────────────────────

export interface SessionChanges {
  /** Sessions that the batch initializes, some of them also closed by it. */
  readonly initialized: Map<string, SessionTable>
  /** Sessions that it closes and does not initialize. */
  readonly closed: Map<string, Pick<SessionTable, 'closed_at' | 'close_reason'>>
}

export const noSessionChanges = (): SessionChanges => ({
  initialized: new Map(),
  closed: new Map(),
})

export function applyToSessions(
  { initialized, closed }: SessionChanges,
  { type, data }: SessionEvent,
): void {
  const { session_id: id } = data
  const before = initialized.get(id)
  if (type === 'session.closed') {
    const end = { closed_at: data.closed_at, close_reason: data.reason }
    if (before === undefined) {
      if (!closed.has(id)) closed.set(id, end)
    } else if (before.closed_at === null) Object.assign(before, end)
    return
  }
  if (before !== undefined) return
  const end = closed.get(id) ?? { closed_at: null, close_reason: null }
  // A row is written by one part of the statement.
  closed.delete(id)
  const { owner, function_id, function_version, language_title, created_at, expires_at } = data
  const { context } = data
  initialized.set(id, {
    ...{ id, owner, function_id, function_version, language_title, created_at, expires_at },
    ...end,
    timeout_ms: context.timeout_ms,
  })
}

export function insertSessions({ initialized }: SessionChanges): Part {
  const rows = [...initialized.values()]
  return {
    name: 'initialized',
    values: [
      column(rows.map((row) => row.id)),
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.function_id)),
      column(rows.map((row) => row.function_version)),
      column(rows.map((row) => row.language_title)),
      column(rows.map((row) => row.created_at)),
      column(rows.map((row) => row.expires_at)),
      column(rows.map((row) => row.closed_at)),
      column(rows.map((row) => row.close_reason)),
      column(rows.map((row) => row.timeout_ms)),
    ],
    sql: ($) => `
      insert into sessions
        (id, owner, function_id, function_version, language_title, created_at, expires_at,
         closed_at, close_reason, timeout_ms)
      select r.* from ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::bigint[], ${$(4)}::integer[], ${$(5)}::text[],
        ${$(6)}::timestamptz[], ${$(7)}::timestamptz[], ${$(8)}::timestamptz[], ${$(9)}::text[],
        ${$(10)}::integer[]) r
      on conflict (id) do update set
        closed_at = excluded.closed_at, close_reason = excluded.close_reason
        where sessions.closed_at is null and excluded.closed_at is not null`,
  }
}

export function closeSessions({ closed }: SessionChanges): Part {
  const rows = [...closed]
  return {
    name: 'closed',
    values: [
      column(rows.map(([id]) => id)),
      column(rows.map(([, { closed_at }]) => closed_at)),
      column(rows.map(([, { close_reason }]) => close_reason)),
    ],
    sql: ($) => `
      update sessions s set closed_at = r.closed_at, close_reason = r.close_reason
      from ${MOVED},
        unnest(${$(1)}::text[], ${$(2)}::timestamptz[], ${$(3)}::text[])
          r(id, closed_at, close_reason)
      where s.id = r.id and s.closed_at is null`,
  }
}

// ── queries ─────────────────────────────────────────────────────────────────────────────────────

/** Whoever it belongs to, and whether or not it has ended. */
export async function isSessionKnown(db: Db, id: string): Promise<boolean> {
  const row = await db.selectFrom('sessions').select('id').where('id', '=', id).executeTakeFirst()
  return row !== undefined
}
