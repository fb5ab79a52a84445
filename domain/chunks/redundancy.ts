/**
 * redundancy_score: how much of a chunk is said elsewhere, or said again.
 *
 *   the share of its tokens that lie in the second or a later occurrence of a row of 3 tokens within
 *   the chunk, or in a row of 8 tokens that another chunk has too. A chunk of fewer than 8 tokens
 *   that another one equals is all redundant. What neighbours share because a sliding window has
 *   cut them can be left out (`ignore_adjacent_overlap`, `windows.ts`).
 *
 * Range 0 … 1, less is better; a union, so nothing counts twice. An overlap of a fifth scores .2.
 * Source: the duplicate n-gram shares of Gopher (Rae et al. 2021), as coverage.
 */
import type { Span } from '#events/chunks.ts'
import { findGrams, findRepeats, type Grams } from './grams.ts'
import type { Tokens } from './tokens.ts'

const REPEATED_ROW = 3
export const SHARED_ROW = 8
/** Of a row that stands in very many chunks, so many are told. */
const SHARERS_MAX = 64

export interface Redundant {
  readonly score: number
  /** What stood before: earlier in the chunk, or in an earlier chunk. */
  readonly spans: readonly IndexedSpan[]
  /** Chunks that share rows with it, the greatest share first. */
  readonly sharers: readonly number[]
}

export type IndexedSpan = Omit<Span, 'kept_in'> & { readonly keptIn: number }

/**
 * `places`: where each text lay in the one that it was cut from; what lies there is not said twice.
 * `foreign`: of each text, token by token, what stands in other documents.
 */
export function findRedundancy(
  texts: readonly Tokens[],
  places?: Float64Array,
  foreign?: readonly Uint8Array[],
): readonly Redundant[] {
  const offsets = new Int32Array(texts.length + 1)
  texts.forEach(({ ids }, i) => {
    offsets[i + 1] = (offsets[i] as number) + ids.length
  })
  const all = new Int32Array(offsets.at(-1) ?? 0)
  const owners = new Int32Array(all.length)
  texts.forEach(({ ids }, i) => {
    all.set(ids, offsets[i])
    owners.fill(i, offsets[i], offsets[i + 1])
  })
  const ownerOf = (at: number) => owners[at] as number
  const placeOf = (at: number) => {
    const owner = ownerOf(at)
    const start = texts[owner]?.starts[at - (offsets[owner] as number)] ?? 0
    return (places?.[owner] ?? 0) + start
  }
  const isElsewhere = (a: number, b: number) =>
    ownerOf(a) !== ownerOf(b) && (places === undefined || placeOf(a) !== placeOf(b))
  const shared = findGrams(all, offsets, SHARED_ROW, isElsewhere)
  const repeated = findRepeats(all, offsets, REPEATED_ROW)
  const copies = shortCopies(texts)
  const overlaps = new Int32Array(texts.length)
  return texts.map((text, index) => {
    const copy = copies.get(index)
    if (copy !== undefined) return wholeCopy(text, index, copy)
    return redundantPart(text, index, {
      ...{ shared, repeated, owners, isElsewhere, overlaps },
      from: offsets[index] as number,
      foreign: foreign?.[index],
    })
  })
}

/** Where all the chunks lie one behind the other. */
interface Laid {
  readonly shared: Grams
  /** Of each place, where in its text the row stood first. */
  readonly repeated: Int32Array
  readonly owners: Int32Array
  readonly isElsewhere: (a: number, b: number) => boolean
  /** Of each text 0, and so again afterwards: a map of them would take most of the time. */
  readonly overlaps: Int32Array
  readonly from: number
  readonly foreign: Uint8Array | undefined
}

function redundantPart(tokens: Tokens, index: number, laid: Laid): Redundant {
  const { shared, repeated, owners, isElsewhere, overlaps, from, foreign } = laid
  const { ids } = tokens
  const covered = foreign?.slice() ?? new Uint8Array(ids.length)
  /** Per token: the chunk that had it before, plus 1. */
  const keepers = new Int32Array(ids.length)
  const met: number[] = []
  for (let at = 0; at < ids.length; at++) {
    const first = repeated[from + at] as number
    if (first === -1 || first === from + at) continue
    covered.fill(1, at, at + REPEATED_ROW)
    keepers.fill(index + 1, at, at + REPEATED_ROW)
  }
  for (let at = 0; at < ids.length; at++) {
    const first = shared.firstAt[from + at] as number
    if (first === -1 || shared.isShared[first] === 0) continue
    covered.fill(1, at, at + SHARED_ROW)
    const keeper = owners[first] as number
    if (isElsewhere(first, from + at)) keepers.fill(keeper + 1, at, at + SHARED_ROW)
    let place = first
    for (let told = 0; place !== -1 && told < SHARERS_MAX; told++) {
      const owner = owners[place] as number
      if (owner !== index && isElsewhere(place, from + at)) {
        const count = overlaps[owner] as number
        if (count === 0) met.push(owner)
        overlaps[owner] = count + 1
      }
      place = shared.nextAt[place] as number
    }
  }
  let count = 0
  for (let at = 0; at < covered.length; at++) count += covered[at] as number
  const sharers = met
    .map((owner) => ({ owner, rows: overlaps[owner] as number }))
    .sort((a, b) => b.rows - a.rows || a.owner - b.owner)
    .map(({ owner }) => owner)
  for (const owner of met) overlaps[owner] = 0
  return {
    score: ids.length === 0 ? 0 : count / ids.length,
    spans: spansOf(keepers, tokens),
    sharers,
  }
}

function spansOf(keepers: Int32Array, { starts, ends }: Tokens): IndexedSpan[] {
  const spans: IndexedSpan[] = []
  for (let at = 0; at < keepers.length;) {
    const keeper = keepers[at] as number
    let end = at + 1
    while (end < keepers.length && keepers[end] === keeper) end++
    if (keeper > 0) {
      const start = starts[at] as number
      // Pairs of characters overlap: the span ends where what is not covered begins.
      const stop = Math.min(ends[end - 1] as number, starts[end] ?? Infinity)
      if (stop > start) spans.push({ start, end: stop, keptIn: keeper - 1 })
    }
    at = end
  }
  return spans
}

/** Chunks too short to share a row: which others they equal. */
function shortCopies(texts: readonly Tokens[]): Map<number, readonly number[]> {
  const equal = new Map<string, number[]>()
  texts.forEach(({ ids }, index) => {
    if (ids.length === 0 || ids.length >= SHARED_ROW) return
    const key = ids.join()
    const indexes = equal.get(key) ?? []
    equal.set(key, indexes)
    indexes.push(index)
  })
  const copies = new Map<number, readonly number[]>()
  for (const indexes of equal.values()) {
    if (indexes.length > 1) for (const index of indexes) copies.set(index, indexes)
  }
  return copies
}

function wholeCopy(tokens: Tokens, index: number, indexes: readonly number[]): Redundant {
  const first = indexes[0] as number
  const start = tokens.starts[0] ?? 0
  const end = tokens.ends.at(-1) ?? 0
  return {
    score: 1,
    spans: first === index ? [] : [{ start, end, keptIn: first }],
    sharers: indexes.slice(0, SHARERS_MAX + 1).filter((other) => other !== index),
  }
}
