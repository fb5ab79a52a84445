/**
 * Looks up what was analysed before and may be like the chunks of an analysis, or share a passage
 * with them.
 *
 * Invariants:
 * 1. It sees all that its owner was answered before it began, or says that it may not (`complete`).
 * 2. It ends: so many candidates for each chunk, so many for all, so long at most. What that leaves
 *    out is told (`truncated`).
 * 3. A chunk is not compared with itself: not with what its own document held before, and not with
 *    the chunk of the same id that was analysed in no document.
 */
import type { Corpus } from '#domain/chunks/analysis.ts'
import { setsOf, type CorpusChunk } from '#domain/chunks/corpus.ts'
import { placeOf, type CorpusSearch } from '#events/analyses.ts'
import { isOutOfTime, nominate, type Nominated } from '#projections/chunk-index.ts'
import type { Db } from '#projections/database.ts'
import type { ReadModel } from '#runtime/read-model.ts'
import type { AnalysisRequest } from './analysis.ts'
import { hashesOf, type Probes } from './fingerprints.ts'

/** Of one chunk, each by equality, by likeness and by passages. */
const NEAR_MAX = 32
const COMPARED_MAX = 20_000
const SEARCH_MS = 1_000
/** Asked of the database at once; as many as it answers quickly. */
const ASKED_FIRST = 8
const ASKED_MAX = 128
const QUICK_MS = 50

export interface CorpusSearched {
  readonly corpus: Corpus
  readonly search: CorpusSearch
}

export interface CorpusSearchOptions {
  readonly db: Db
  readonly readModel: Pick<ReadModel, 'caughtUp'>
}

export async function searchCorpus(
  { db, readModel }: CorpusSearchOptions,
  request: AnalysisRequest,
  probes: Probes,
): Promise<CorpusSearched> {
  const complete = await readModel.caughtUp()
  const found = new Found(request)
  const asked = distinct(probes)
  let truncated = probes.includes(undefined)
  const endsAt = performance.now() + SEARCH_MS
  for (let from = 0, count = ASKED_FIRST; from < asked.length;) {
    const askedAt = performance.now()
    const some = asked.slice(from, from + count)
    const rows = await nominated(db, request, some, endsAt - askedAt)
    if (rows === undefined || found.size >= COMPARED_MAX) {
      truncated = true
      break
    }
    const counts = new Uint8Array(some.length)
    for (const row of rows) {
      if (++counts[row.probe]! > NEAR_MAX) truncated = true
      else found.add(row, some[row.probe]?.chunks ?? [])
    }
    from += some.length
    const isQuick = performance.now() - askedAt < QUICK_MS
    count = isQuick ? Math.min(2 * count, ASKED_MAX) : Math.ceil(count / 2)
  }
  return { corpus: found.corpus, search: { compared: found.size, complete, truncated } }
}

/** Equal chunks are looked up once. */
interface Asked {
  readonly keys: Int32Array
  readonly chunks: number[]
}

function distinct(probes: Probes): readonly Asked[] {
  const asked = new Map<string, Asked>()
  probes.forEach((probe, index) => {
    if (probe === undefined) return
    for (const keys of [probe.same, probe.bands, probe.passages]) {
      if (keys.length === 0) continue
      const name = keys.join()
      const same = asked.get(name)
      if (same === undefined) asked.set(name, { keys, chunks: [index] })
      else same.chunks.push(index)
    }
  })
  return [...asked.values()]
}

/** Undefined: not in time. */
async function nominated(
  db: Db,
  { owner, kind, name }: AnalysisRequest,
  asked: readonly Asked[],
  timeoutMs: number,
): Promise<readonly Nominated[] | undefined> {
  if (timeoutMs <= 0) return undefined
  try {
    return await nominate(db, {
      ...{ owner, document_id: placeOf({ kind, name }), timeoutMs },
      probes: asked.map(({ keys }) => keys),
      max: NEAR_MAX + 1,
    })
  } catch (error) {
    if (isOutOfTime(error)) return undefined
    throw error
  }
}

class Found {
  readonly #request: AnalysisRequest
  readonly #ids: ReadonlySet<string>
  /** By document and chunk. */
  readonly #compared = new Map<string, CorpusChunk>()
  readonly #near: readonly Set<CorpusChunk>[]

  constructor(request: AnalysisRequest) {
    this.#request = request
    this.#ids = new Set(request.chunks.map(({ chunk_id }) => chunk_id))
    this.#near = request.chunks.map(() => new Set())
  }

  get size(): number {
    return this.#compared.size
  }

  get corpus(): Corpus {
    return this.#near.map((chunks) => [...chunks])
  }

  add({ document_id, chunk_id, tokens }: Nominated, indexes: readonly number[]): void {
    const isOfNone = document_id === '' || this.#request.kind !== 'document'
    // A newer one of these is in this very request.
    if (document_id === '' && this.#request.kind !== 'document' && this.#ids.has(chunk_id)) return
    const name = `${document_id}\n${chunk_id}`
    for (const index of indexes) {
      if (isOfNone && this.#request.chunks[index]?.chunk_id === chunk_id) continue
      let chunk = this.#compared.get(name)
      if (chunk === undefined) {
        const inDocument = document_id !== '' && { document_id }
        chunk = { chunk_id, ...inDocument, ...setsOf(hashesOf(tokens)) }
        this.#compared.set(name, chunk)
      }
      this.#near[index]?.add(chunk)
    }
  }
}
