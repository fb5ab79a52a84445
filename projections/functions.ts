/**
 * Read model: functions as they are now. A deleted one keeps its row, so that its jobs and metrics
 * stay readable, and its last definition with it.
 *
 * Applies `function.registered`, `function.updated`, `function.deleted`. Versions only rise, and
 * nothing defines a function after its end.
 */
import { sql } from 'kysely'
import type { Definition, FunctionEvent } from '#events/functions.ts'
import type { Db } from './database.ts'
import { MOVED } from './checkpoint.ts'
import {
  bytesBefore,
  DEFINITION_BYTES_MAX,
  pageWithin,
  type CursorRequest,
} from './definition-pages.ts'
import { column, type Part } from './statement.ts'

export interface FunctionTable {
  id: number
  owner: string
  name: string
  version: number
  definition: Definition
  created_at: string
  updated_at: string
  deleted_at: string | null
}

export type FunctionRow = Readonly<FunctionTable>

// ── events ──────────────────────────────────────────────────────────────────────────────────────

export interface FunctionChanges {
  /** Functions that the batch defines, some of them also deleted by it. */
  readonly defined: Map<number, FunctionTable>
  /** Functions that it deletes and does not define. */
  readonly deleted: Map<number, string>
}

export const noFunctionChanges = (): FunctionChanges => ({
  defined: new Map(),
  deleted: new Map(),
})

export function applyToFunctions(changes: FunctionChanges, event: FunctionEvent): void {
  const { function_id: id, owner, version } = event.data
  const before = changes.defined.get(id)
  if (event.type === 'function.deleted') {
    const { deleted_at } = event.data
    if (before !== undefined) before.deleted_at ??= deleted_at
    else if (!changes.deleted.has(id)) changes.deleted.set(id, deleted_at)
    return
  }
  if (changes.deleted.has(id)) return
  if (before !== undefined && (before.version >= version || before.deleted_at !== null)) return
  const { definition, created_at, updated_at } = event.data
  changes.defined.set(id, {
    id,
    owner,
    name: definition.name,
    version,
    definition,
    created_at,
    updated_at,
    deleted_at: null,
  })
}

export function upsertFunctions({ defined }: FunctionChanges): Part {
  const rows = [...defined.values()]
  return {
    name: 'defined',
    values: [
      column(rows.map((row) => row.id)),
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.name)),
      column(rows.map((row) => row.version)),
      column(rows.map((row) => JSON.stringify(row.definition))),
      column(rows.map((row) => row.created_at)),
      column(rows.map((row) => row.updated_at)),
      column(rows.map((row) => row.deleted_at)),
    ],
    sql: ($) =>
      `
      insert into functions as f
        (id, owner, name, version, definition, created_at, updated_at, deleted_at)
      select r.* from ${MOVED}, unnest(
        ${$(1)}::bigint[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::integer[], ${$(5)}::json[],
        ${$(6)}::timestamptz[], ${$(7)}::timestamptz[], ${$(8)}::timestamptz[]) r
      on conflict (id) do update set
        name = case when newer(f, excluded) then excluded.name else f.name end,
        definition = case when newer(f, excluded) then excluded.definition else f.definition end,
        updated_at = case when newer(f, excluded) then excluded.updated_at else f.updated_at end,
        version = greatest(f.version, excluded.version),
        deleted_at = excluded.deleted_at
      where f.deleted_at is null and (newer(f, excluded) or excluded.deleted_at is not null)`.replaceAll(
        'newer(f, excluded)',
        '(excluded.version > f.version)',
      ),
  }
}

export function deleteFunctions({ deleted }: FunctionChanges): Part {
  return {
    name: 'deleted',
    values: [column([...deleted.keys()]), column([...deleted.values()])],
    sql: ($) => `
      update functions f set deleted_at = r.deleted_at
      from ${MOVED}, unnest(${$(1)}::bigint[], ${$(2)}::timestamptz[]) r(id, deleted_at)
      where f.id = r.id and f.deleted_at is null`,
  }
}

// ── queries ─────────────────────────────────────────────────────────────────────────────────────

/** All that exist, oldest first. */
export async function listFunctions(db: Db, owner: string): Promise<readonly FunctionRow[]> {
  return db
    .selectFrom('functions')
    .selectAll()
    .where('owner', '=', owner)
    .where('deleted_at', 'is', null)
    .orderBy('id')
    .execute()
}

export interface FunctionPage {
  /** Fewer than asked for where they are large, but one at least. */
  readonly functions: readonly FunctionRow[]
  readonly has_more: boolean
}

/** Those that exist, oldest first, above the id `after`. */
export async function pageOfFunctions(
  db: Db,
  owner: string,
  { first, after = 0 }: CursorRequest,
): Promise<FunctionPage> {
  const page = db
    .selectFrom('functions')
    .selectAll()
    .where('owner', '=', owner)
    .where('deleted_at', 'is', null)
    .where('id', '>', after)
    .orderBy('id')
    .limit(first + 1)
  const sized = db
    .selectFrom(page.as('page'))
    .selectAll()
    .select([bytesBefore(sql`id`).as('before'), sql<number>`count(*) over ()`.as('found')])
  const rows = await db
    .selectFrom(sized.as('sized'))
    .selectAll()
    .where('before', '<', DEFINITION_BYTES_MAX)
    .orderBy('id')
    .execute()
  const { shown: functions, has_more } = pageWithin(rows, first)
  return { functions, has_more }
}

/** Also deleted ones, as below; those that there are. */
export async function findFunctions(
  db: Db,
  owner: string,
  ids: readonly number[],
): Promise<readonly FunctionRow[]> {
  return db
    .selectFrom('functions')
    .selectAll()
    .where('owner', '=', owner)
    .where('id', 'in', ids)
    .execute()
}

/** Also a deleted one: `deleted_at` tells. */
export async function findFunction(
  db: Db,
  owner: string,
  id: number,
): Promise<FunctionRow | undefined> {
  return db
    .selectFrom('functions')
    .selectAll()
    .where('id', '=', id)
    .where('owner', '=', owner)
    .executeTakeFirst()
}
