/**
 * Read model: the users there are. What proves a password stays on the log: nobody asks Postgres
 * for it.
 *
 * Applies `user.created`, `user.changed` and `user.deleted`; the last of them counts.
 */
import type { UserEvent } from '#events/users.ts'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import { column, type Part } from './statement.ts'

export interface UserTable {
  username: string
  owner: string
  scopes: readonly string[]
  created_at: string
  updated_at: string
}

export type UserRow = Readonly<UserTable>

// ── events ──────────────────────────────────────────────────────────────────────────────────────

/** By username; null: deleted. */
export type UserTableChanges = Map<string, UserTable | null>

export function applyToUsers(changes: UserTableChanges, event: UserEvent): void {
  const { username, owner } = event.data
  if (event.type === 'user.deleted') {
    changes.set(username, null)
    return
  }
  const { scopes, created_at, updated_at } = event.data
  changes.set(username, { username, owner, scopes, created_at, updated_at })
}

export function upsertUsers(changes: UserTableChanges): Part {
  const rows = [...changes.values()].filter((row) => row !== null)
  return {
    name: 'users_set',
    values: [
      column(rows.map((row) => row.username)),
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => JSON.stringify(row.scopes))),
      column(rows.map((row) => row.created_at)),
      column(rows.map((row) => row.updated_at)),
    ],
    sql: ($) => `
      insert into users (username, owner, scopes, created_at, updated_at)
      select r.* from ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::json[], ${$(4)}::timestamptz[],
        ${$(5)}::timestamptz[]) r
      on conflict (username) do update set
        owner = excluded.owner, scopes = excluded.scopes,
        created_at = excluded.created_at, updated_at = excluded.updated_at`,
  }
}

export function deleteUsers(changes: UserTableChanges): Part {
  const gone = [...changes].filter(([, row]) => row === null)
  return {
    name: 'users_deleted',
    values: [column(gone.map(([username]) => username))],
    sql: ($) => `
      delete from users u using ${MOVED}, unnest(${$(1)}::text[]) r(username)
      where u.username = r.username`,
  }
}

// ── queries ─────────────────────────────────────────────────────────────────────────────────────

export interface PageOfUsers {
  readonly users: readonly UserRow[]
  readonly has_more: boolean
}

/** By name. */
export async function pageOfUsers(
  db: Db,
  { page, perPage }: { readonly page: number; readonly perPage: number },
): Promise<PageOfUsers> {
  const rows = await db
    .selectFrom('users')
    .selectAll()
    .orderBy('username')
    .offset((page - 1) * perPage)
    .limit(perPage + 1)
    .execute()
  return { users: rows.slice(0, perPage), has_more: rows.length > perPage }
}
