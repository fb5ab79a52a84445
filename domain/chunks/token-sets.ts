/**
 * Sets of tokens laid out for the join: rows of numbers, the smallest first, rare tokens with low
 * numbers.
 *
 * Invariants:
 * 1. Equal sets are one row; an empty set is none. `members` says whose row it is.
 * 2. All is built by counting, without a comparison sort: linear in the tokens.
 */

export interface TokenSets {
  /** Row r's tokens are `tokens[offsets[r] … offsets[r + 1])`, as ranks: 0 is the rarest. */
  readonly offsets: Int32Array
  /** Of a row in no order. */
  readonly tokens: Int32Array
  /** In how many rows a rank occurs. */
  readonly frequency: Int32Array
  /** Of each row, the indexes of the sets that are equal to it, in their order. */
  readonly members: readonly (readonly number[])[]
}

/** `sets` hold each token once; `vocabulary` is greater than any of them. */
export function tokenSets(sets: readonly Int32Array[], vocabulary: number): TokenSets {
  const groups = equalSets(sets)
  const sizes = Int32Array.from(groups, (group) => firstOf(sets, group).length)
  const members = Array.from(ascendingBy(sizes), (group) => groups[group] as number[])
  const rows = members.map((group) => firstOf(sets, group))
  const offsets = new Int32Array(rows.length + 1)
  const counts = new Int32Array(vocabulary)
  for (let row = 0; row < rows.length; row++) {
    const set = rows[row] as Int32Array
    offsets[row + 1] = (offsets[row] as number) + set.length
    for (let i = 0; i < set.length; i++) (counts[set[i] as number] as number)++
  }
  const rarest = ascendingBy(counts)
  const rankOf = new Int32Array(vocabulary)
  for (let rank = 0; rank < vocabulary; rank++) rankOf[rarest[rank] as number] = rank
  const tokens = new Int32Array(offsets.at(-1) ?? 0)
  for (let row = 0; row < rows.length; row++) {
    const set = rows[row] as Int32Array
    const start = offsets[row] as number
    for (let i = 0; i < set.length; i++) tokens[start + i] = rankOf[set[i] as number] as number
  }
  return { offsets, tokens, frequency: rarest.map((token) => counts[token] as number), members }
}

const NOTHING = new Int32Array()

const firstOf = (sets: readonly Int32Array[], group: readonly number[]) =>
  sets[group[0] as number] ?? NOTHING

/** Indexes of `numbers`, none of them below 0, by their values; equals stay in their order. */
function ascendingBy(numbers: Int32Array): Int32Array {
  const places = new Int32Array(numbers.reduce((most, one) => Math.max(most, one), 0) + 2)
  for (const one of numbers) (places[one + 1] as number)++
  for (let i = 1; i < places.length; i++) (places[i] as number) += places[i - 1] as number
  const order = new Int32Array(numbers.length)
  numbers.forEach((one, index) => {
    order[(places[one] as number)++] = index
  })
  return order
}

/** Beyond, equal sets are rows of their own, and the join finds them. */
const COLLISIONS_MAX = 8

/** Groups of equal sets, found by a sum that does not depend on order and proved by comparison. */
function equalSets(sets: readonly Int32Array[]): number[][] {
  const groups: number[][] = []
  const byHash = new Map<number, number[][]>()
  sets.forEach((set, index) => {
    if (set.length === 0) return
    const hash = hashOf(set)
    const candidates = byHash.get(hash)
    const group = candidates && equalTo(set, candidates.slice(0, COLLISIONS_MAX), sets)
    if (group !== undefined) {
      group.push(index)
      return
    }
    const alone = [index]
    groups.push(alone)
    if (candidates === undefined) byHash.set(hash, [alone])
    else candidates.push(alone)
  })
  return groups
}

function equalTo(set: Int32Array, candidates: readonly number[][], sets: readonly Int32Array[]) {
  const members = new Set(set)
  return candidates.find((group) => {
    const other = firstOf(sets, group)
    return other.length === set.length && other.every((token) => members.has(token))
  })
}

function hashOf(set: Int32Array): number {
  let sum = 0
  let mixedSum = 0
  for (let i = 0; i < set.length; i++) {
    const mixed = Math.imul((set[i] as number) ^ 0x9e3779b9, 0x85ebca6b)
    sum = (sum + (mixed ^ (mixed >>> 13))) | 0
    mixedSum = (mixedSum + Math.imul(mixed ^ (mixed >>> 16), 0xc2b2ae35)) | 0
  }
  return sum ^ Math.imul(mixedSum, 0x9e3779b1)
}
