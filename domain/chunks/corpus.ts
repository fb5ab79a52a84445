/**
 * What of a chunk stands elsewhere: in chunks that were analysed before, with another document or by
 * themselves, of which only fingerprints are at hand.
 *
 * The index has nominated them; here they are compared. Similarity is the same measure as within a
 * document, and so is what counts as redundant: a row of 8 tokens that another chunk has too, and all
 * of a chunk of fewer tokens that another one equals. Containment tells a part from a twin: |A ∩ B| over
 * the smaller of both sets.
 */
import type { Elsewhere } from '#events/chunks.ts'
import { ascending, rowHashes, tokenHashes } from './fingerprint.ts'
import { SHARED_ROW } from './laid-out.ts'
import { jaccard, reaches, rounded } from './similarity.ts'
import type { Tokens } from './tokens.ts'
import type { Vocabulary } from './vocabulary.ts'

export interface CorpusChunk extends Sets {
  readonly chunk_id: string
  readonly document_id?: string
}

/** Hashes of a chunk's tokens and of its rows of 8, ascending, each once. */
interface Sets {
  readonly tokens: Int32Array
  readonly grams: Int32Array
}

/** `tokens` as a fingerprint has them. */
export const setsOf = (tokens: Int32Array, rows = rowHashes(tokens)): Sets => ({
  tokens: ascending(tokens),
  grams: ascending(rows),
})

export interface FoundElsewhere {
  /** The greatest one. */
  readonly similarity: number
  /** The most similar first. */
  readonly twins: readonly Elsewhere[]
  /** Those that have the most of its rows first. */
  readonly sharers: readonly Elsewhere[]
  /** Per token: 1 if it stands elsewhere. */
  readonly covered: Uint8Array
}

export function findElsewhere(
  { ids }: Tokens,
  vocabulary: Vocabulary,
  corpus: readonly CorpusChunk[],
  threshold: number,
): FoundElsewhere {
  const hashes = tokenHashes(ids, vocabulary)
  const rows = rowHashes(hashes)
  const own = setsOf(hashes, rows)
  const isShort = ids.length < SHARED_ROW
  const shared = new Set<number>()
  const twins: Elsewhere[] = []
  const sharers: { readonly chunk: Elsewhere; readonly rows: number }[] = []
  let greatest = 0
  for (const { chunk_id, document_id, tokens, grams } of corpus) {
    const inter = common(own.tokens, tokens)
    if (inter === 0) continue
    const similarity = jaccard(inter, own.tokens.length, tokens.length)
    const chunk: Elsewhere = {
      ...{ chunk_id, ...(document_id !== undefined && { document_id }) },
      similarity: rounded(similarity),
      containment: rounded(inter / Math.min(own.tokens.length, tokens.length)),
    }
    greatest = Math.max(greatest, similarity)
    if (reaches(inter, own.tokens.length, tokens.length, threshold)) twins.push(chunk)
    const count = isShort ? Number(similarity === 1) : common(own.grams, grams, shared)
    if (count > 0) sharers.push({ chunk, rows: count })
  }
  twins.sort((a, b) => b.similarity - a.similarity || byName(a, b))
  sharers.sort((a, b) => b.rows - a.rows || byName(a.chunk, b.chunk))
  return {
    similarity: greatest,
    twins,
    sharers: sharers.map(({ chunk }) => chunk),
    covered: isShort
      ? new Uint8Array(ids.length).fill(sharers.length > 0 ? 1 : 0)
      : coveredBy(rows, shared, ids.length),
  }
}

/** What it takes to compare these: two lists of hashes on either side. */
export const stepsTo = ({ ids }: Tokens, { tokens, grams }: CorpusChunk) =>
  2 * ids.length + tokens.length + grams.length

function coveredBy(rows: Int32Array, shared: ReadonlySet<number>, length: number): Uint8Array {
  const covered = new Uint8Array(length)
  rows.forEach((row, at) => {
    if (shared.has(row)) covered.fill(1, at, at + SHARED_ROW)
  })
  return covered
}

/** How many numbers two ascending lists have in common; `into` takes them. */
function common(a: Int32Array, b: Int32Array, into?: Set<number>): number {
  let count = 0
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const one = a[i] as number
    const other = b[j] as number
    if (one === other) {
      into?.add(one)
      count++
    }
    if (one <= other) i++
    if (other <= one) j++
  }
  return count
}

function byName(a: Elsewhere, b: Elsewhere): number {
  const [one, other] = [a, b].map(({ document_id = '', chunk_id }) => `${document_id}\n${chunk_id}`)
  return one === other ? 0 : (one ?? '') < (other ?? '') ? -1 : 1
}
