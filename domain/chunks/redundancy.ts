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
import { REPEATED_ROW, SHARED_ROW, type LaidOut } from './laid-out.ts'
import type { Tokens } from './tokens.ts'

/** Of a row that stands in very many chunks, so many are told. */
const SHARERS_MAX = 64

export interface Redundant {
  readonly score: number
  /** Chunks that share rows with it, the greatest share first. */
  readonly sharers: readonly number[]
}

/** `foreign`: of each text, token by token, what stands in other documents. */
export function findRedundancy(
  laid: LaidOut,
  foreign?: readonly Uint8Array[],
): readonly Redundant[] {
  const overlaps = new Int32Array(laid.texts.length)
  return laid.texts.map((text, index) => {
    const copies = laid.copies.get(index)
    return copies === undefined
      ? redundantPart(text, index, { laid, overlaps, foreign: foreign?.[index] })
      : { score: 1, sharers: copies.slice(0, SHARERS_MAX + 1).filter((other) => other !== index) }
  })
}

interface Looking {
  readonly laid: LaidOut
  /** Of each text 0, and so again afterwards: a map of them would take most of the time. */
  readonly overlaps: Int32Array
  readonly foreign: Uint8Array | undefined
}

function redundantPart({ ids }: Tokens, index: number, looking: Looking): Redundant {
  const { overlaps, foreign } = looking
  const { shared, repeated, owners, offsets, isElsewhere } = looking.laid
  const from = offsets[index] as number
  const covered = foreign?.slice() ?? new Uint8Array(ids.length)
  const met: number[] = []
  for (let at = 0; at < ids.length; at++) {
    const first = repeated[from + at] as number
    if (first === -1 || first === from + at) continue
    covered.fill(1, at, at + REPEATED_ROW)
  }
  for (let at = 0; at < ids.length; at++) {
    const first = shared.firstAt[from + at] as number
    if (first === -1 || shared.isShared[first] === 0) continue
    covered.fill(1, at, at + SHARED_ROW)
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
  return { score: ids.length === 0 ? 0 : count / ids.length, sharers }
}
