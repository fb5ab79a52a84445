/**
 * Read model: the corpus, by which an analysis recognises what was analysed before. It holds
 * fingerprints (`domain/chunks/fingerprint.ts`), never content.
 *
 * Applies `analysis.completed`. A document is what its newest analysis says, whole: chunks that it
 * has no more are gone, and without any it is gone. A chunk of a batch or by itself is known by its
 * own id.
 *
 * Invariants:
 * 1. An owner finds no other owner's chunks.
 * 2. A row is written once and never changed: what replaces it has another `analysis_id`, so one
 *    statement can remove the old ones and insert the new ones.
 */
import { sql } from 'kysely'
import type { AnalysisCompleted } from '#events/analyses.ts'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import { column, plainColumn, type Part } from './statement.ts'

export interface ChunkIndexTable {
  owner: string
  /** Empty: in a batch, or by itself. */
  document_id: string
  chunk_id: string
  analysis_id: string
  /** Three bytes each, in the order of the text. */
  tokens: Buffer
  keys: number[]
  created_at: string
}

// ── events ──────────────────────────────────────────────────────────────────────────────────────

/** A document, or a chunk that belongs to none, as its newest analysis has it. */
interface Replaced {
  readonly owner: string
  readonly document_id: string
  readonly chunk_id: string
  readonly analysis_id: string
  readonly rows: readonly IndexedRow[]
}

interface IndexedRow {
  readonly chunk_id: string
  readonly tokens: string
  readonly keys: string
  readonly created_at: string
}

export interface ChunkIndexChanges {
  readonly documents: Map<string, Replaced>
  readonly loners: Map<string, Replaced>
}

export const noChunkIndexChanges = (): ChunkIndexChanges => ({
  documents: new Map(),
  loners: new Map(),
})

export function applyToChunkIndex(
  { documents, loners }: ChunkIndexChanges,
  {
    data: { analysis_id, owner, kind, name, chunks, fingerprints = [], created_at },
  }: AnalysisCompleted,
): void {
  const rows = chunks.map(({ metrics: { chunk_id } }, i) => {
    const fingerprint = fingerprints[i] ?? null
    if (fingerprint === null) return { chunk_id, row: [] }
    const { tokens } = fingerprint
    const keys = column(numbersIn(fingerprint.keys))
    return { chunk_id, row: [{ chunk_id, tokens, keys, created_at }] }
  })
  if (kind === 'document') {
    documents.set(`${owner}\n${name}`, {
      ...{ owner, document_id: name, chunk_id: '', analysis_id },
      rows: rows.flatMap(({ row }) => row),
    })
    return
  }
  for (const { chunk_id, row } of rows) {
    const replaced = { owner, document_id: '', chunk_id, analysis_id, rows: row }
    loners.set(`${owner}\n${chunk_id}`, replaced)
  }
}

function numbersIn(base64: string): readonly number[] {
  const bytes = Buffer.from(base64, 'base64')
  return Array.from({ length: bytes.length >> 2 }, (_, i) => bytes.readInt32LE(4 * i))
}

export function removeDocuments({ documents }: ChunkIndexChanges): Part {
  const rows = [...documents.values()]
  return {
    name: 'left_corpus',
    values: [
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.document_id)),
      column(rows.map((row) => row.analysis_id)),
    ],
    sql: ($) => `
      delete from chunk_index i using ${MOVED},
        unnest(${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[]) r(owner, document_id, analysis_id)
      where i.owner = r.owner and i.document_id = r.document_id
        and i.analysis_id <> r.analysis_id`,
  }
}

export function removeLoners({ loners }: ChunkIndexChanges): Part {
  const rows = [...loners.values()]
  return {
    name: 'loners_left_corpus',
    values: [
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.chunk_id)),
      column(rows.map((row) => row.analysis_id)),
    ],
    sql: ($) => `
      delete from chunk_index i using ${MOVED},
        unnest(${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[]) r(owner, chunk_id, analysis_id)
      where i.owner = r.owner and i.document_id = '' and i.chunk_id = r.chunk_id
        and i.analysis_id <> r.analysis_id`,
  }
}

export function insertIntoChunkIndex({ documents, loners }: ChunkIndexChanges): Part {
  const rows = [...documents.values(), ...loners.values()].flatMap(({ rows, ...whose }) =>
    rows.map((row) => ({ ...whose, ...row })),
  )
  return {
    name: 'joined_corpus',
    values: [
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.document_id)),
      column(rows.map((row) => row.chunk_id)),
      column(rows.map((row) => row.analysis_id)),
      plainColumn(rows.map((row) => row.tokens)),
      plainColumn(rows.map((row) => row.keys)),
      column(rows.map((row) => row.created_at)),
    ],
    sql: ($) => `
      insert into chunk_index
        (owner, document_id, chunk_id, analysis_id, tokens, keys, created_at)
      select r.owner, r.document_id, r.chunk_id, r.analysis_id, decode(r.tokens, 'base64'),
        r.keys::integer[], r.created_at
      from ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::text[], ${$(5)}::text[],
        ${$(6)}::text[], ${$(7)}::timestamptz[])
        r(owner, document_id, chunk_id, analysis_id, tokens, keys, created_at)
      on conflict do nothing`,
  }
}

// ── queries ─────────────────────────────────────────────────────────────────────────────────────

export interface Nominated {
  /** Index of the probe. */
  readonly probe: number
  readonly document_id: string
  readonly chunk_id: string
  readonly tokens: Buffer
}

export interface Nomination {
  readonly owner: string
  /** Its own chunks are not what it looks for; empty: none. */
  readonly document_id: string
  /** Of each probe the keys, one of which what it looks for must have. */
  readonly probes: readonly Int32Array[]
  /** Of each probe. */
  readonly max: number
  readonly timeoutMs: number
}

/** Throws what `isOutOfTime` knows if the server could not do it in time. */
export function nominate(db: Db, nomination: Nomination): Promise<readonly Nominated[]> {
  const { owner, document_id, probes, max, timeoutMs } = nomination
  const keys = column(probes.map((probe) => column([...probe])))
  return db.transaction().execute(async (tx) => {
    // Only the index on keys is worth asking: the other would give all that an owner has.
    await sql`
      select set_config('statement_timeout', ${String(Math.ceil(timeoutMs))}, true),
        set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true)
    `.execute(tx)
    const { rows } = await sql<Nominated>`
      select (p.place - 1)::integer as probe, n.*
      from unnest(${keys}::text[]) with ordinality p(keys, place)
      cross join lateral (
        select i.document_id, i.chunk_id, i.tokens from chunk_index i
        where i.keys && p.keys::integer[] and i.owner || '' = ${owner}
          and (i.document_id = '' or i.document_id <> ${document_id})
        limit ${max}) n`.execute(tx)
    return rows
  })
}

/** Sorts in what has only been noted down. Until then it is found all the same, but slowly. */
export async function sortInChunks(db: Db): Promise<void> {
  await sql`select gin_clean_pending_list('chunk_index_keys')`.execute(db)
}

const QUERY_CANCELED = '57014'

export const isOutOfTime = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === QUERY_CANCELED
