/**
 * What is asked of the suggestions (`optimizations.ts`), each with what became of it
 * (`settlements.ts`).
 */
import { sql } from 'kysely'
import type { AnalysisKind } from '#events/analyses.ts'
import type { OptimizationStatus, OptimizationType, Priority } from '#events/chunks.ts'
import type { Db } from './database.ts'
import type { OptimizationTable } from './optimizations.ts'
import { searchQuery } from './searched-words.ts'

const TOLD = [
  ...(['id', 'owner', 'chunk_id', 'content_hash', 'kind', 'name', 'type', 'priority'] as const),
  ...(['overall_score', 'metrics', 'finding', 'created_at'] as const),
] as const satisfies readonly (keyof OptimizationTable)[]

export type OptimizationRow = Readonly<Pick<OptimizationTable, (typeof TOLD)[number]>> & {
  readonly status: OptimizationStatus
}

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
    .where((either) =>
      either.or([either('o.lapsed', '=', false), either('s.status', 'is not', null)]),
    )

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
