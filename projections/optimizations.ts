/**
 * Read model: what analyses suggest. What became of a suggestion is in the model beside it
 * (`settlements.ts`); without a word there, it is pending. What is asked of both is in
 * `optimization-queries.ts`.
 *
 * Applies `analysis.completed`. The newest analysis of a chunk counts, that of its document if it
 * has one, and it counts whole, whatever its options:
 * 1. Suggestions for a content that the chunk has no more are gone, as are those for a chunk that its
 *    document has no more; one that is found again is written anew.
 * 2. One that is not found again has lapsed: it is shown only if somebody has settled it, before or
 *    after. So the order in which analyses and settlements are applied makes no difference, and what
 *    an analysis leaves out because it is ignored stays in sight.
 */
import { placeOf, type AnalysisCompleted, type AnalysisKind } from '#events/analyses.ts'
import type { Finding, Metrics, OptimizationType, Priority } from '#events/chunks.ts'
import { MOVED } from './checkpoint.ts'
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
    for (const id of ids) found.delete(id)
    ids.clear()
  }
  const document = JSON.stringify([owner, name])
  /** By this batch: a chunk that it had not is a new one, whatever it was before. */
  const wasRead = kind === 'document' && documents.has(document)
  if (kind === 'document') {
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
      seen = { owner, place, chunk_id, content_hash, changed: wasRead, found: new Set() }
      chunks.set(key, seen)
    } else if (seen.content_hash !== content_hash) {
      forget(seen)
      Object.assign(seen, { content_hash, changed: true })
    }
    for (const id of seen.found) {
      const row = found.get(id)
      if (row !== undefined) row.lapsed = true
    }
    for (const { id, created_at, status, ...finding } of optimizations) {
      const { type, priority } = finding
      // That all is well is no suggestion.
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

/** Of the same content, by an analysis before, and not found again. */
export function lapseOthers({ chunks, found }: OptimizationChanges): Part {
  const rows = [...chunks.values()].filter(({ changed }) => !changed)
  return {
    name: 'lapsed',
    values: [
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.place)),
      column(rows.map((row) => row.chunk_id)),
      column(rows.map((row) => row.content_hash)),
      column([...found.keys()]),
    ],
    sql: ($) => `
      update optimizations o set lapsed = true
      from ${MOVED}, unnest(${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::text[])
        r(owner, place, chunk_id, content_hash)
      where o.owner = r.owner and o.chunk_id = r.chunk_id
        and case o.kind when 'document' then o.name else '' end = r.place
        and o.content_hash = r.content_hash and not o.lapsed
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
