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
 * 2. A chunk that is analysed again on the same day, and says the same, is not written: sorting it into
 *    the index is most of what it costs.
 * 3. All chunks of a document have the day of its newest analysis, by the log's clock.
 */
import { sql } from 'kysely'
import { placeOf, type AnalysisCompleted } from '#events/analyses.ts'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import { column, plainColumn, type Part } from './statement.ts'

export interface ChunkIndexTable {
  owner: string
  /** Empty: in a batch, or by itself. */
  document_id: string
  chunk_id: string
  /** Three bytes each, in the order of the text. */
  tokens: Buffer
  keys: number[]
  analysed_on: string
}

// ── events ──────────────────────────────────────────────────────────────────────────────────────

interface Place {
  readonly owner: string
  readonly document_id: string
}

interface Indexed extends Place {
  readonly chunk_id: string
  readonly tokens: string
  readonly keys: string
  readonly analysed_on: string
}

interface Found extends Place {
  readonly chunk_id: string
  /** There is none where there is nothing to recognise it by. */
  readonly row?: Indexed
}

/** As their newest analyses have them. */
export interface ChunkIndexChanges {
  readonly documents: Map<string, Place & { readonly chunks: readonly Indexed[] }>
  /** Chunks that are in no document. */
  readonly loners: Map<string, Found>
}

export const noChunkIndexChanges = (): ChunkIndexChanges => ({
  documents: new Map(),
  loners: new Map(),
})

export function applyToChunkIndex(
  { documents, loners }: ChunkIndexChanges,
  { data: { owner, kind, name, chunks, fingerprints = [] } }: AnalysisCompleted,
  analysed_on: string,
): void {
  const place = { owner, document_id: placeOf({ kind, name }) }
  const found = chunks.map(({ metrics: { chunk_id } }, i): Found => {
    const fingerprint = fingerprints[i] ?? null
    // One that was recorded with its rows has its tokens in another order, and other keys.
    const isOfBefore = fingerprint !== null && 'grams' in fingerprint
    if (fingerprint === null || isOfBefore) return { ...place, chunk_id }
    const { tokens } = fingerprint
    const keys = column(numbersIn(fingerprint.keys))
    return { ...place, chunk_id, row: { ...place, chunk_id, tokens, keys, analysed_on } }
  })
  if (kind === 'document') {
    const rows = found.flatMap(({ row }) => row ?? [])
    documents.set(`${owner}\n${name}`, { ...place, chunks: rows })
    return
  }
  for (const chunk of found) loners.set(`${owner}\n${chunk.chunk_id}`, chunk)
}

function numbersIn(base64: string): readonly number[] {
  const bytes = Buffer.from(base64, 'base64')
  return Array.from({ length: bytes.length >> 2 }, (_, i) => bytes.readInt32LE(4 * i))
}

export function leaveDocuments({ documents }: ChunkIndexChanges): Part {
  const places = [...documents.values()]
  const chunks = places.flatMap((place) => place.chunks)
  return {
    name: 'left_documents',
    values: [
      column(places.map((place) => place.owner)),
      column(places.map((place) => place.document_id)),
      column(chunks.map((chunk) => chunk.owner)),
      column(chunks.map((chunk) => chunk.document_id)),
      column(chunks.map((chunk) => chunk.chunk_id)),
    ],
    sql: ($) => `
      delete from chunk_index i using ${MOVED},
        unnest(${$(1)}::text[], ${$(2)}::text[]) r(owner, document_id)
      where i.owner = r.owner and i.document_id = r.document_id and not exists (
        select from unnest(${$(3)}::text[], ${$(4)}::text[], ${$(5)}::text[])
          n(owner, document_id, chunk_id)
        where n.owner = i.owner and n.document_id = i.document_id and n.chunk_id = i.chunk_id)`,
  }
}

export function leaveByThemselves({ loners }: ChunkIndexChanges): Part {
  const gone = [...loners.values()].filter(({ row }) => row === undefined)
  return {
    name: 'left_by_themselves',
    values: [column(gone.map(({ owner }) => owner)), column(gone.map(({ chunk_id }) => chunk_id))],
    sql: ($) => `
      delete from chunk_index i using ${MOVED},
        unnest(${$(1)}::text[], ${$(2)}::text[]) r(owner, chunk_id)
      where i.owner = r.owner and i.document_id = '' and i.chunk_id = r.chunk_id`,
  }
}

export function joinChunkIndex({ documents, loners }: ChunkIndexChanges): Part {
  const rows = [
    ...[...documents.values()].flatMap(({ chunks }) => chunks),
    ...[...loners.values()].flatMap(({ row }) => row ?? []),
  ]
  return {
    name: 'joined_corpus',
    values: [
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.document_id)),
      column(rows.map((row) => row.chunk_id)),
      plainColumn(rows.map((row) => row.tokens)),
      plainColumn(rows.map((row) => row.keys)),
      column(rows.map((row) => row.analysed_on)),
    ],
    sql: ($) => `
      insert into chunk_index (owner, document_id, chunk_id, tokens, keys, analysed_on)
      select r.owner, r.document_id, r.chunk_id, decode(r.tokens, 'base64'), r.keys::integer[],
        r.analysed_on
      from ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::text[], ${$(5)}::text[],
        ${$(6)}::date[])
        r(owner, document_id, chunk_id, tokens, keys, analysed_on)
      where not exists (
        select from chunk_index i
        where i.owner = r.owner and i.document_id = r.document_id and i.chunk_id = r.chunk_id
          and i.analysed_on = r.analysed_on and i.tokens = decode(r.tokens, 'base64'))
      on conflict (owner, document_id, chunk_id) do update set
        tokens = excluded.tokens, keys = excluded.keys, analysed_on = excluded.analysed_on`,
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
