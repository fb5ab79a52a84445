/**
 * Sets of tokens laid out for the join: rows of numbers, rarest token first, smallest set first.
 *
 * Invariants:
 * 1. Equal sets are one row; an empty set is none. `members` says whose row it is.
 * 2. All is built by counting, without a comparison sort of tokens: linear in the tokens.
 */

export interface TokenSets {
  /** Row r's tokens are `tokens[offsets[r] … offsets[r + 1])`, as ranks: 0 is the rarest. */
  readonly offsets: Int32Array
  readonly tokens: Int32Array
  /** In how many rows a rank occurs. */
  readonly frequency: Int32Array
  /** Of each row, the indexes of the sets that are equal to it, in their order. */
  readonly members: readonly (readonly number[])[]
}

/** `sets` hold each token once; `vocabulary` is greater than any of them. */
export function tokenSets(sets: readonly Int32Array[], vocabulary: number): TokenSets {
  const groups = equalSets(sets).toSorted((a, b) => sizeOf(sets, a) - sizeOf(sets, b))
  const frequency = new Int32Array(vocabulary)
  for (const group of groups) {
    for (const token of firstOf(sets, group)) frequency[token] = (frequency[token] ?? 0) + 1
  }
  const { rankOf, ranked } = rarestFirst(frequency)
  const offsets = new Int32Array(groups.length + 1)
  groups.forEach((group, row) => {
    offsets[row + 1] = (offsets[row] ?? 0) + sizeOf(sets, group)
  })
  return {
    offsets,
    tokens: inRankOrder(sets, groups, rankOf, ranked),
    frequency: ranked,
    members: groups,
  }
}

const sizeOf = (sets: readonly Int32Array[], group: readonly number[]) =>
  firstOf(sets, group).length

const firstOf = (sets: readonly Int32Array[], [first = 0]: readonly number[]) =>
  sets[first] ?? new Int32Array()

/** Beyond, equal sets are rows of their own, and the join finds them. */
const COLLISIONS_MAX = 8

/** Groups of equal sets, found by a sum that does not depend on order and proved by comparison. */
function equalSets(sets: readonly Int32Array[]): number[][] {
  const groups: number[][] = []
  const byHash = new Map<number, number[][]>()
  sets.forEach((set, index) => {
    if (set.length === 0) return
    const hash = hashOf(set)
    const candidates = byHash.get(hash) ?? []
    byHash.set(hash, candidates)
    const members = candidates.length > 0 ? new Set(set) : undefined
    const group = candidates.slice(0, COLLISIONS_MAX).find((them) => {
      const other = firstOf(sets, them)
      return other.length === set.length && other.every((token) => members?.has(token))
    })
    if (group !== undefined) group.push(index)
    else {
      const alone = [index]
      groups.push(alone)
      candidates.push(alone)
    }
  })
  return groups
}

function hashOf(set: Int32Array): number {
  let low = 0
  let high = 0
  for (const token of set) {
    const mixed = Math.imul(token ^ 0x9e3779b9, 0x85ebca6b)
    low = (low + (mixed ^ (mixed >>> 13))) | 0
    high = (high + Math.imul(mixed ^ (mixed >>> 16), 0xc2b2ae35)) | 0
  }
  return (low >>> 0) * 0x200000 + (high & 0x1fffff)
}

function rarestFirst(frequency: Int32Array) {
  const counts = new Int32Array(frequency.reduce((most, count) => Math.max(most, count), 0) + 2)
  for (const count of frequency) counts[count + 1] = (counts[count + 1] ?? 0) + 1
  for (let i = 1; i < counts.length; i++) counts[i] = (counts[i] ?? 0) + (counts[i - 1] ?? 0)
  const rankOf = new Int32Array(frequency.length)
  const ranked = new Int32Array(frequency.length)
  frequency.forEach((count, token) => {
    const rank = counts[count] ?? 0
    counts[count] = rank + 1
    rankOf[token] = rank
    ranked[rank] = count
  })
  return { rankOf, ranked }
}

/** Transposes twice: by rank, then back by row, so that each row comes out in order. */
function inRankOrder(
  sets: readonly Int32Array[],
  groups: readonly (readonly number[])[],
  rankOf: Int32Array,
  ranked: Int32Array,
): Int32Array {
  const starts = new Int32Array(ranked.length + 1)
  for (let rank = 0; rank < ranked.length; rank++) {
    starts[rank + 1] = (starts[rank] ?? 0) + (ranked[rank] ?? 0)
  }
  const next = starts.slice()
  const rows = new Int32Array(starts.at(-1) ?? 0)
  const ends = new Int32Array(groups.length)
  let end = 0
  groups.forEach((group, row) => {
    const set = firstOf(sets, group)
    for (const token of set) {
      const rank = rankOf[token] as number
      const place = next[rank] as number
      rows[place] = row
      next[rank] = place + 1
    }
    ends[row] = end
    end += set.length
  })
  const tokens = new Int32Array(rows.length)
  for (let rank = 0; rank < ranked.length; rank++) {
    for (let i = starts[rank] as number; i < (starts[rank + 1] as number); i++) {
      const row = rows[i] as number
      const place = ends[row] as number
      tokens[place] = rank
      ends[row] = place + 1
    }
  }
  return tokens
}
