/**
 * Read model: every version that a function has had. Versions are immutable and outlive their
 * function, since jobs name the one that they were accepted with.
 *
 * Applies `function.registered` and `function.updated`.
 */
import { sql } from 'kysely'
import type { Definition, FunctionEvent } from '#events/functions.ts'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import {
  bytesBefore,
  DEFINITION_BYTES_MAX,
  pageWithin,
  type CursorRequest,
} from './definition-pages.ts'
import { column, type Part } from './statement.ts'

export interface FunctionVersionTable {
  function_id: number
  version: number
  owner: string
  /** Beside the definition, because SQL cannot look into `json` that holds U+0000. */
  timeout_ms: number
  max_queue_age: number | null
  definition: Definition
  created_at: string
}

export type FunctionVersionRow = Readonly<
  Omit<FunctionVersionTable, 'timeout_ms' | 'max_queue_age'>
>

// ── events ──────────────────────────────────────────────────────────────────────────────────────

export type VersionChanges = Map<string, FunctionVersionTable>

export function applyToVersions(changes: VersionChanges, event: FunctionEvent): void {
  if (event.type === 'function.deleted') return
  const { function_id, version, owner, definition, updated_at } = event.data
  const key = `${function_id}/${version}`
  if (changes.has(key)) return
  const { timeout_ms, max_queue_age = null } = definition
  const row = { function_id, version, owner, timeout_ms, max_queue_age, definition }
  changes.set(key, { ...row, created_at: updated_at })
}

export function insertVersions(changes: VersionChanges): Part {
  const rows = [...changes.values()]
  return {
    name: 'versioned',
    values: [
      column(rows.map((row) => row.function_id)),
      column(rows.map((row) => row.version)),
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.timeout_ms)),
      column(rows.map((row) => JSON.stringify(row.definition))),
      column(rows.map((row) => row.created_at)),
      column(rows.map((row) => row.max_queue_age)),
    ],
    sql: ($) => `
      insert into function_versions
        (function_id, version, owner, timeout_ms, definition, created_at, max_queue_age)
      select r.* from ${MOVED}, unnest(
        ${$(1)}::bigint[], ${$(2)}::integer[], ${$(3)}::text[], ${$(4)}::integer[],
        ${$(5)}::json[], ${$(6)}::timestamptz[], ${$(7)}::integer[]) r
      on conflict do nothing`,
  }
}

// ── queries ─────────────────────────────────────────────────────────────────────────────────────

const columns = ['function_id', 'version', 'owner', 'definition', 'created_at'] as const

/** Newest first. */
export async function listVersions(
  db: Db,
  owner: string,
  functionId: number,
): Promise<readonly FunctionVersionRow[]> {
  return db
    .selectFrom('function_versions')
    .select(columns)
    .where('function_id', '=', functionId)
    .where('owner', '=', owner)
    .orderBy('version', 'desc')
    .execute()
}

export interface VersionPage {
  /** Fewer than asked for where they are large, but one at least. */
  readonly versions: readonly FunctionVersionRow[]
  readonly has_more: boolean
}

/** Newest first, below the version `after`. */
export async function pageOfVersions(
  db: Db,
  owner: string,
  functionId: number,
  { first, after }: CursorRequest,
): Promise<VersionPage> {
  let page = db
    .selectFrom('function_versions')
    .select(columns)
    .where('function_id', '=', functionId)
    .where('owner', '=', owner)
    .orderBy('version', 'desc')
    .limit(first + 1)
  if (after !== undefined) page = page.where('version', '<', after)
  const sized = db
    .selectFrom(page.as('page'))
    .selectAll()
    .select([
      bytesBefore(sql`version desc`).as('before'),
      sql<number>`count(*) over ()`.as('found'),
    ])
  const rows = await db
    .selectFrom(sized.as('sized'))
    .selectAll()
    .where('before', '<', DEFINITION_BYTES_MAX)
    .orderBy('version', 'desc')
    .execute()
  const { shown: versions, has_more } = pageWithin(rows, first)
  return { versions, has_more }
}

export async function findVersion(
  db: Db,
  owner: string,
  functionId: number,
  version: number,
): Promise<FunctionVersionRow | undefined> {
  return (
    db
      .selectFrom('function_versions')
      .select(columns)
      .where('function_id', '=', functionId)
      // What is asked for may be larger than any version that the column could hold.
      .where('version', '=', sql<number>`${version}::bigint`)
      .where('owner', '=', owner)
      .executeTakeFirst()
  )
}
