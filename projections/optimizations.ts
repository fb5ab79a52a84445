/**
 * Read model: what analyses suggest. What became of a suggestion is in the model beside it
 * (`settlements.ts`); without a word there, it is pending. What is asked of both is in
 * `optimization-queries.ts`.
 *
 * Applies `analysis.completed`. The newest analysis of a chunk counts, that of its document if it
 * has one, and it counts whole, whatever its options: what it does not find has lapsed, be it that the
 * options are others, the content, or that the document has the chunk no more.
 *
 * Invariant: what has lapsed is shown only if somebody has settled it, before or after. So the order
 * in which analyses and settlements are applied makes no difference, and what was applied stays on
 * record. The rest goes when the log has let go of it as well (`forgetLapsed`).
 */
import { sql } from 'kysely'
import type { AnalysisCompleted, AnalysisKind } from '#events/analyses.ts'
import type { Finding, Metrics, OptimizationType, Priority } from '#events/chunks.ts'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import { searchedWords } from './searched-words.ts'
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
  /** Null: it was found before they were kept. */
  metrics: Metrics | null
  finding: Finding
  created_at: string
  /** The newest analysis of its chunk does not find it. */
  lapsed: boolean
  /** What a full-text search looks at; the database makes its index terms of it. */
  words: string
}

/** A document, or a chunk that belongs to none, and what its newest analysis finds. */
interface Analysed {
  readonly owner: string
  readonly name: string
  readonly found: Set<string>
}

export interface OptimizationChanges {
  readonly documents: Map<string, Analysed>
  readonly loners: Map<string, Analysed>
  readonly found: Map<string, OptimizationTable>
}

export const noOptimizationChanges = (): OptimizationChanges => ({
  documents: new Map(),
  loners: new Map(),
  found: new Map(),
})

export function applyToOptimizations(
  { documents, loners, found }: OptimizationChanges,
  { data: { owner, kind, name, chunks } }: AnalysisCompleted,
): void {
  const begin = (all: Map<string, Analysed>, of: string): Analysed => {
    const key = `${owner}\n${of}`
    const before = all.get(key) ?? { owner, name: of, found: new Set() }
    for (const id of before.found) {
      const row = found.get(id)
      if (row !== undefined) row.lapsed = true
    }
    all.set(key, before)
    return before
  }
  const document = kind === 'document' ? begin(documents, name) : undefined
  for (const { content_hash, metrics, optimizations } of chunks) {
    const { chunk_id, overall_score } = metrics
    const seen = document ?? begin(loners, chunk_id)
    for (const { id, created_at, status, ...finding } of optimizations) {
      const { type, priority } = finding
      // That all is well is no suggestion, nor is one that was applied.
      if (status !== 'pending') continue
      seen.found.add(id)
      found.set(id, {
        ...{ id, owner, chunk_id, content_hash, kind, name, type, priority, overall_score },
        ...{ metrics, finding, created_at, lapsed: false },
        words: searchedText({ chunk_id, finding }),
      })
    }
  }
}

export function searchedText({
  chunk_id,
  finding: { title, description, suggested_action },
}: Pick<OptimizationTable, 'chunk_id' | 'finding'>): string {
  return searchedWords([title, description, suggested_action, chunk_id].join('\n'))
}

export const lapseInDocuments = ({ documents, found }: OptimizationChanges): Part =>
  lapse('lapsed_in_documents', documents, found, `o.kind = 'document' and o.name = r.name`)

export const lapseOfLoners = ({ loners, found }: OptimizationChanges): Part =>
  lapse('lapsed_of_loners', loners, found, `o.kind <> 'document' and o.chunk_id = r.name`)

/** `isTheirs`: that a suggestion `o` is of one that was analysed, `r`. */
function lapse(
  name: string,
  analysed: ReadonlyMap<string, Analysed>,
  found: OptimizationChanges['found'],
  isTheirs: string,
): Part {
  const rows = [...analysed.values()]
  return {
    name,
    values: [
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.name)),
      // Written anew by the part beside this one, and no row can be both.
      column([...found.keys()]),
    ],
    sql: ($) => `
      update optimizations o set lapsed = true
      from ${MOVED}, unnest(${$(1)}::text[], ${$(2)}::text[]) r(owner, name)
      where o.owner = r.owner and ${isTheirs}
        and not o.lapsed and o.id <> all (${$(3)}::text[])`,
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
      column(rows.map((row) => JSON.stringify(row.metrics))),
      column(rows.map((row) => row.lapsed)),
    ],
    sql: ($) => `
      insert into optimizations
        (id, owner, chunk_id, content_hash, kind, name, type, priority, overall_score, finding,
          created_at, words, metrics, lapsed)
      select r.id, r.owner, r.chunk_id, r.content_hash, r.kind, r.name, r.type, r.priority,
        r.overall_score, r.finding, r.created_at, to_tsvector('simple', r.words), r.metrics, r.lapsed
      from ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::text[], ${$(5)}::text[],
        ${$(6)}::text[], ${$(7)}::text[], ${$(8)}::text[], ${$(9)}::float8[], ${$(10)}::json[],
        ${$(11)}::timestamptz[], ${$(12)}::text[], ${$(13)}::json[], ${$(14)}::boolean[])
        r(id, owner, chunk_id, content_hash, kind, name, type, priority, overall_score, finding,
          created_at, words, metrics, lapsed)
      on conflict (id) do update set
        kind = excluded.kind, name = excluded.name, priority = excluded.priority,
        overall_score = excluded.overall_score, finding = excluded.finding,
        created_at = excluded.created_at, words = excluded.words,
        metrics = excluded.metrics, lapsed = excluded.lapsed`,
  }
}

/** What has lapsed, was never settled, and was found before `found`: a rebuild would not make it. */
export async function forgetLapsed(db: Db, found: Date): Promise<void> {
  await sql`
    delete from optimizations o where o.lapsed and o.created_at < ${found.toISOString()}
      and not exists (select from settlements s where s.optimization_id = o.id)`.execute(db)
}
