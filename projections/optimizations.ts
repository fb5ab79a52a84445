/**
 * Read model: what analyses suggest. What became of a suggestion is in the model beside it
 * (`settlements.ts`); without a word there, it is pending.
 *
 * Applies `analysis.completed`. The newest analysis of a chunk counts, that of its document if it
 * has one: suggestions for a content that it has no more are gone, as are those for a chunk that its
 * document has no more, and one that is found again is written anew.
 */
import { sql } from 'kysely'
import type { AnalysisCompleted, AnalysisKind } from '#events/analyses.ts'
import type { Finding, OptimizationStatus, OptimizationType, Priority } from '#events/chunks.ts'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import { searchedWords, searchQuery } from './searched-words.ts'
import { column, type Part } from './statement.ts'

export interface OptimizationTable {
  id: string
  owner: string
  chunk_id: string
  content_hash: string
  /** What was analysed when it was found, and the caller's id of it. */
  kind: AnalysisKind
  name: string
  type: OptimizationType
  priority: Priority
  overall_score: number
  finding: Finding
  created_at: string
  /** What a full-text search looks at; the database makes its index terms of it. */
  words: string
}

const TOLD = [
  ...(['id', 'owner', 'chunk_id', 'content_hash', 'kind', 'name', 'type', 'priority'] as const),
  ...(['overall_score', 'finding', 'created_at'] as const),
] as const satisfies readonly (keyof OptimizationTable)[]

export type OptimizationRow = Readonly<Pick<OptimizationTable, (typeof TOLD)[number]>> & {
  readonly status: OptimizationStatus
}

// ── events ──────────────────────────────────────────────────────────────────────────────────────

interface SeenChunk {
  readonly owner: string
  readonly place: string
  readonly chunk_id: string
  content_hash: string
  /** It had another content in between: nothing from before the batch is left. */
  changed: boolean
  readonly found: Set<string>
}

interface SeenDocument {
  readonly owner: string
  readonly name: string
  /** Keys of its chunks. */
  readonly chunks: ReadonlySet<string>
}

export interface OptimizationChanges {
  readonly chunks: Map<string, SeenChunk>
  readonly documents: Map<string, SeenDocument>
  readonly found: Map<string, OptimizationTable>
}

export const noOptimizationChanges = (): OptimizationChanges => ({
  chunks: new Map(),
  documents: new Map(),
  found: new Map(),
})

export function applyToOptimizations(
  { chunks, documents, found }: OptimizationChanges,
  { data: { owner, kind, name, chunks: analysed } }: AnalysisCompleted,
): void {
  const place = placeOf({ kind, name })
  const keyOf = (chunk_id: string) => JSON.stringify([owner, place, chunk_id])
  const forget = ({ found: ids }: SeenChunk) => {
    for (const id of ids) {
      const row = found.get(id)
      // The same content may stand in another document as well.
      if (row !== undefined && placeOf(row) === place) found.delete(id)
    }
    ids.clear()
  }
  if (kind === 'document') {
    const document = JSON.stringify([owner, name])
    const now = new Set(analysed.map(({ metrics }) => keyOf(metrics.chunk_id)))
    for (const key of documents.get(document)?.chunks ?? []) {
      const left = now.has(key) ? undefined : chunks.get(key)
      if (left !== undefined && chunks.delete(key)) forget(left)
    }
    documents.set(document, { owner, name, chunks: now })
  }
  for (const { content_hash, metrics, optimizations } of analysed) {
    const { chunk_id, overall_score } = metrics
    const key = keyOf(chunk_id)
    let seen = chunks.get(key)
    if (seen === undefined) {
      seen = { owner, place, chunk_id, content_hash, changed: false, found: new Set() }
      chunks.set(key, seen)
    } else if (seen.content_hash !== content_hash) {
      forget(seen)
      Object.assign(seen, { content_hash, changed: true })
    }
    for (const { id, created_at, status, ...finding } of optimizations) {
      const { type, priority } = finding
      // That all is well is no suggestion.
      if (status !== 'pending') continue
      seen.found.add(id)
      found.set(id, {
        ...{ id, owner, chunk_id, content_hash, kind, name, type, priority, overall_score },
        ...{ finding, created_at, words: searchedText({ chunk_id, finding }) },
      })
    }
  }
}

/** Ids of chunks are often counted anew in each document, so a chunk is known within its own. */
const placeOf = ({ kind, name }: Pick<OptimizationTable, 'kind' | 'name'>) =>
  kind === 'document' ? name : ''

export function searchedText({
  chunk_id,
  finding: { title, description, suggested_action },
}: Pick<OptimizationTable, 'chunk_id' | 'finding'>): string {
  return searchedWords([title, description, suggested_action, chunk_id].join('\n'))
}

export function removeReplaced({ chunks, found }: OptimizationChanges): Part {
  const rows = [...chunks.values()]
  return {
    name: 'replaced',
    values: [
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.place)),
      column(rows.map((row) => row.chunk_id)),
      column(rows.map((row) => (row.changed ? null : row.content_hash))),
      // Written anew by the part beside this one, and no row can be both.
      column([...found.keys()]),
    ],
    sql: ($) => `
      delete from optimizations o using ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::text[])
        r(owner, place, chunk_id, content_hash)
      where o.owner = r.owner and o.chunk_id = r.chunk_id
        and case o.kind when 'document' then o.name else '' end = r.place
        and o.content_hash is distinct from r.content_hash
        and o.id <> all (${$(5)}::text[])`,
  }
}

/** Of the chunks that a document has no more. */
export function removeLeft({ chunks, documents, found }: OptimizationChanges): Part {
  const whole = [...documents.values()]
  const rows = [...chunks.values()]
  return {
    name: 'departed',
    values: [
      column(whole.map((row) => row.owner)),
      column(whole.map((row) => row.name)),
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.place)),
      column(rows.map((row) => row.chunk_id)),
      column([...found.keys()]),
    ],
    sql: ($) => `
      delete from optimizations o using ${MOVED},
        unnest(${$(1)}::text[], ${$(2)}::text[]) d(owner, name)
      where o.owner = d.owner and o.kind = 'document' and o.name = d.name
        and not exists (
          select from unnest(${$(3)}::text[], ${$(4)}::text[], ${$(5)}::text[])
            r(owner, place, chunk_id)
          where r.owner = o.owner and r.place = o.name and r.chunk_id = o.chunk_id)
        and o.id <> all (${$(6)}::text[])`,
  }
}

export function upsertOptimizations({ found }: OptimizationChanges): Part {
  const rows = [...found.values()]
  return {
    name: 'suggested',
    values: [
      column(rows.map((row) => row.id)),
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.chunk_id)),
      column(rows.map((row) => row.content_hash)),
      column(rows.map((row) => row.kind)),
      column(rows.map((row) => row.name)),
      column(rows.map((row) => row.type)),
      column(rows.map((row) => row.priority)),
      column(rows.map((row) => row.overall_score)),
      column(rows.map((row) => JSON.stringify(row.finding))),
      column(rows.map((row) => row.created_at)),
      column(rows.map((row) => row.words)),
    ],
    sql: ($) => `
      insert into optimizations
        (id, owner, chunk_id, content_hash, kind, name, type, priority, overall_score, finding,
          created_at, words)
      select r.id, r.owner, r.chunk_id, r.content_hash, r.kind, r.name, r.type, r.priority,
        r.overall_score, r.finding, r.created_at, to_tsvector('simple', r.words)
      from ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::text[], ${$(5)}::text[],
        ${$(6)}::text[], ${$(7)}::text[], ${$(8)}::text[], ${$(9)}::float8[], ${$(10)}::json[],
        ${$(11)}::timestamptz[], ${$(12)}::text[])
        r(id, owner, chunk_id, content_hash, kind, name, type, priority, overall_score, finding,
          created_at, words)
      on conflict (id) do update set
        kind = excluded.kind, name = excluded.name, priority = excluded.priority,
        overall_score = excluded.overall_score, finding = excluded.finding,
        created_at = excluded.created_at, words = excluded.words`,
  }
}

// ── queries ─────────────────────────────────────────────────────────────────────────────────────

export interface OptimizationFilter {
  readonly type?: OptimizationType
  readonly priority?: Priority
  readonly status?: OptimizationStatus
  readonly min_score?: number
  readonly max_score?: number
  /** ISO 8601, both inclusive. */
  readonly date_from?: string
  readonly date_to?: string
  readonly document_id?: string
  readonly batch_id?: string
  readonly chunk_id?: string
  /** Words to be found in the title, the description, the action or the chunk's id. */
  readonly q?: string
}

export interface OptimizationOrder {
  readonly sortBy: 'created_at' | 'priority' | 'overall_score'
  readonly order: 'asc' | 'desc'
  readonly page: number
  readonly perPage: number
}

const COLUMNS = TOLD.map((name) => `o.${name}` as const)
const STATUS = sql<OptimizationStatus>`coalesce(s.status, 'pending')`
/** By urgency, not by the alphabet. */
const RANK = sql<number>`array_position(array['low', 'medium', 'high'], o.priority)`

export interface PageOfOptimizations {
  readonly rows: readonly OptimizationRow[]
  readonly total: number
}

export async function pageOfOptimizations(
  db: Db,
  owner: string,
  filter: OptimizationFilter,
  { sortBy, order, page, perPage }: OptimizationOrder,
): Promise<PageOfOptimizations> {
  const matching = filtered(suggestions(db, owner), filter)
  const by = { created_at: sql`o.created_at`, priority: RANK, overall_score: sql`o.overall_score` }
  const [rows, counted] = await Promise.all([
    matching
      .select(COLUMNS)
      .select(STATUS.as('status'))
      .orderBy(by[sortBy], order)
      .orderBy('o.id')
      .offset((page - 1) * perPage)
      .limit(perPage)
      .execute(),
    matching.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ])
  return { rows, total: counted.total }
}

export function findOptimization(
  db: Db,
  owner: string,
  id: string,
): Promise<OptimizationRow | undefined> {
  return suggestions(db, owner)
    .select(COLUMNS)
    .select(STATUS.as('status'))
    .where('o.id', '=', id)
    .executeTakeFirst()
}

const suggestions = (db: Db, owner: string) =>
  db
    .selectFrom('optimizations as o')
    .leftJoin('settlements as s', 's.optimization_id', 'o.id')
    .where('o.owner', '=', owner)

type Suggestions = ReturnType<typeof suggestions>

function filtered(all: Suggestions, filter: OptimizationFilter): Suggestions {
  const { type, priority, status, chunk_id, document_id, batch_id, q } = filter
  const { min_score, max_score, date_from, date_to } = filter
  let query = all
  if (type !== undefined) query = query.where('o.type', '=', type)
  if (priority !== undefined) query = query.where('o.priority', '=', priority)
  if (status !== undefined) query = query.where(STATUS, '=', status)
  if (chunk_id !== undefined) query = query.where('o.chunk_id', '=', chunk_id)
  if (q !== undefined) query = query.where(finds(q))
  if (document_id !== undefined) query = of(query, 'document', document_id)
  if (batch_id !== undefined) query = of(query, 'batch', batch_id)
  if (min_score !== undefined) query = query.where('o.overall_score', '>=', min_score)
  if (max_score !== undefined) query = query.where('o.overall_score', '<=', max_score)
  if (date_from !== undefined) query = query.where('o.created_at', '>=', date_from)
  if (date_to !== undefined) query = query.where('o.created_at', '<=', date_to)
  return query
}

function finds(q: string) {
  const asked = searchQuery(q)
  if (asked === undefined) return sql<boolean>`false`
  return sql<boolean>`o.words @@ to_tsquery('simple', ${asked})`
}

const of = (query: Suggestions, kind: AnalysisKind, name: string) =>
  query.where('o.kind', '=', kind).where('o.name', '=', name)
