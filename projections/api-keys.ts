/**
 * Read model: API keys, revoked ones too, as their owner sees them. What proves a key stays on the
 * log: nobody asks Postgres for it.
 *
 * Applies `key.created`, `key.revoked` and `key.used`. What comes before the creation of its key,
 * never in a log that is whole, counts only if it comes in the same batch.
 */
import type { ApiKeyEvent, ApiKeyUsed } from '#events/api-keys.ts'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import { column, type Part } from './statement.ts'

export interface ApiKeyTable {
  id: string
  owner: string
  username: string
  name: string
  scopes: readonly string[]
  last_four: string
  created_at: string
  expires_at: string | null
  revoked_at: string | null
  last_used_at: string | null
}

export type ApiKeyRow = Readonly<ApiKeyTable>

// ── events ──────────────────────────────────────────────────────────────────────────────────────

interface Touched {
  revoked_at: string | null
  last_used_at: string | null
}

export interface KeyChanges {
  /** Keys that the batch makes, with whatever else it has of them. */
  readonly made: Map<string, ApiKeyTable>
  /** What it has of keys that it does not make. */
  readonly touched: Map<string, Touched>
}

export const noKeyChanges = (): KeyChanges => ({ made: new Map(), touched: new Map() })

export function applyToKeys({ made, touched }: KeyChanges, event: ApiKeyEvent | ApiKeyUsed): void {
  const { key_id: id } = event.data
  if (event.type === 'key.created') {
    const { owner, username, name, scopes, last_four, created_at, expires_at } = event.data
    if (made.has(id)) return
    const given = { id, owner, username, name, scopes, last_four, created_at, expires_at }
    made.set(id, { ...given, ...(touched.get(id) ?? { revoked_at: null, last_used_at: null }) })
    // A row is written by one part of the statement.
    touched.delete(id)
    return
  }
  let row: Touched | undefined = made.get(id) ?? touched.get(id)
  if (row === undefined) touched.set(id, (row = { revoked_at: null, last_used_at: null }))
  if (event.type === 'key.revoked') row.revoked_at ??= event.data.revoked_at
  else row.last_used_at = later(row.last_used_at, event.data.used_at)
}

/** Edges tell of their uses each by its own clock. */
function later(one: string | null, other: string): string {
  return one !== null && Date.parse(one) > Date.parse(other) ? one : other
}

export function insertKeys({ made }: KeyChanges): Part {
  const rows = [...made.values()]
  return {
    name: 'keys_made',
    values: [
      column(rows.map((row) => row.id)),
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.username)),
      column(rows.map((row) => row.name)),
      column(rows.map((row) => JSON.stringify(row.scopes))),
      column(rows.map((row) => row.last_four)),
      column(rows.map((row) => row.created_at)),
      column(rows.map((row) => row.expires_at)),
      column(rows.map((row) => row.revoked_at)),
      column(rows.map((row) => row.last_used_at)),
    ],
    sql: ($) => `
      insert into api_keys as k
        (id, owner, username, name, scopes, last_four, created_at, expires_at, revoked_at,
          last_used_at)
      select r.* from ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::text[], ${$(5)}::json[],
        ${$(6)}::text[], ${$(7)}::timestamptz[], ${$(8)}::timestamptz[], ${$(9)}::timestamptz[],
        ${$(10)}::timestamptz[]) r
      on conflict (id) do update set
        revoked_at = coalesce(k.revoked_at, excluded.revoked_at),
        last_used_at = greatest(k.last_used_at, excluded.last_used_at)
        where excluded.revoked_at is not null or excluded.last_used_at is not null`,
  }
}

export function touchKeys({ touched }: KeyChanges): Part {
  const rows = [...touched]
  return {
    name: 'keys_touched',
    values: [
      column(rows.map(([id]) => id)),
      column(rows.map(([, row]) => row.revoked_at)),
      column(rows.map(([, row]) => row.last_used_at)),
    ],
    sql: ($) => `
      update api_keys k set
        revoked_at = coalesce(k.revoked_at, r.revoked_at),
        last_used_at = greatest(k.last_used_at, r.last_used_at)
      from ${MOVED}, unnest(${$(1)}::text[], ${$(2)}::timestamptz[], ${$(3)}::timestamptz[])
        r(id, revoked_at, last_used_at)
      where k.id = r.id`,
  }
}

// ── queries ─────────────────────────────────────────────────────────────────────────────────────

export interface PageOfKeys {
  readonly keys: readonly ApiKeyRow[]
  readonly has_more: boolean
}

/** Newest first. */
export async function pageOfKeys(
  db: Db,
  owner: string,
  { page, perPage }: { readonly page: number; readonly perPage: number },
): Promise<PageOfKeys> {
  const rows = await db
    .selectFrom('api_keys')
    .selectAll()
    .where('owner', '=', owner)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .offset((page - 1) * perPage)
    .limit(perPage + 1)
    .execute()
  return { keys: rows.slice(0, perPage), has_more: rows.length > perPage }
}
