/**
 * All pairs of sets whose Jaccard similarity reaches a threshold, without looking at all pairs.
 *
 * Two sets that are similar share at least two of their rarest tokens. So only the rarest are
 * indexed and looked up, and only pairs that met there twice are compared (prefix filter: Bayardo,
 * Ma, Srikant 2007; with a prefix longer by one: Wang, Li, Feng 2012, where the length is adaptive).
 *
 * Invariants:
 * 1. What is found is exact: each pair that is told reaches the threshold, and unless `truncated`
 *    none is missing.
 * 2. The work is bounded by `budget`, a number of steps: what hostile input would cost beyond it is
 *    not done, and that is told.
 * 3. Of many that all are alike, only the first `CROWD` are indexed: the pairs among the others are
 *    not told, and that is told too.
 */
import { append, postings } from './postings.ts'
import { jaccard, reaches } from './similarity.ts'
import type { TokenSets } from './token-sets.ts'
import { Unions } from './unions.ts'

/** Pairs of a crowd grow with its square, and nobody reads them all. */
const CROWD = 64

export interface Joined {
  readonly steps: number
  readonly truncated: boolean
}

/** Told both rows, and how similar they are. */
export type OnPair = (row: number, other: number, score: number) => void

export function similarityJoin(
  sets: TokenSets,
  threshold: number,
  budget: number,
  onPair: OnPair,
): Joined {
  const { offsets, tokens, frequency } = sets
  const rows = offsets.length - 1
  const lists = postings(frequency)
  /** Of each row, which one met it last, and whether once or twice. */
  const met = new Int32Array(rows)
  const candidates = new Int32Array(rows)
  const crowds = new Unions(rows)
  const rarest = new Int32Array(rows === 0 ? 0 : sizeAt(offsets, rows - 1))
  /** By rank: 1 + the row that had it last. */
  const marks = new Int32Array(frequency.length)
  let steps = 0
  let truncated = false

  for (let row = 0; row < rows && steps <= budget; row++) {
    const start = offsets[row] as number
    const end = offsets[row + 1] as number
    const size = end - start
    const smallest = Math.ceil(threshold * size - 1e-9)
    const probes = Math.min(size, size - smallest + 2)
    // Most rows are too large for it to be enough that they met once.
    const least = Math.min(2, neededBy(size, smallest, threshold))
    const [once, twice] = [2 * row + 1, 2 * row + 2]
    rarestOf(tokens, start, end, probes, rarest)
    let count = 0
    for (let i = 0; i < probes && steps <= budget; i++) {
      const rank = rarest[i] as number
      let head = lists.heads[rank] as number
      const last = lists.ends[rank] as number
      // Rows come by size: what is too small now is too small for all that follow.
      while (head < last && sizeAt(offsets, lists.rows[head] as number) < smallest) head++
      lists.heads[rank] = head
      for (let at = head; at < last; at++) {
        const other = lists.rows[at] as number
        const before = met[other] as number
        if (before === twice) continue
        met[other] = before === once ? twice : once
        if (least === (before === once ? 2 : 1)) candidates[count++] = other
      }
      steps += last - head + 1
    }
    if (count > 0) for (let i = start; i < end; i++) marks[tokens[i] as number] = row + 1
    for (let i = 0; i < count && steps <= budget; i++) {
      const other = candidates[i] as number
      const enough = met[other] === twice ? 2 : 1
      const otherSize = sizeAt(offsets, other)
      const needed = neededBy(size, otherSize, threshold)
      if (enough < Math.min(2, needed)) continue
      steps += size + otherSize
      const inter = marked(sets, other, marks, row + 1)
      if (inter < needed || !reaches(inter, size, otherSize, threshold)) continue
      crowds.join(row, other)
      onPair(row, other, jaccard(inter, size, otherSize))
    }
    if (crowds.sizeOf(row) > CROWD) {
      truncated = true
      continue
    }
    const shared = Math.ceil(((2 * threshold) / (1 + threshold)) * size - 1e-9)
    for (let i = 0; i < Math.min(size, size - shared + 2); i++)
      append(lists, rarest[i] as number, row)
  }
  return { steps, truncated: truncated || steps > budget }
}

const sizeAt = (offsets: Int32Array, row: number) =>
  (offsets[row + 1] as number) - (offsets[row] as number)

/** How many tokens sets of these sizes share if they reach the threshold; at least one. */
const neededBy = (size: number, otherSize: number, threshold: number) =>
  Math.max(1, Math.ceil((threshold / (1 + threshold)) * (size + otherSize) - 1e-9))

/** Few are picked, many sorted. */
const PICKED_MAX = 48

/** The `count` least of a row's ranks, in order, to the front of `into`. */
function rarestOf(
  tokens: Int32Array,
  start: number,
  end: number,
  count: number,
  into: Int32Array,
): void {
  if (count > PICKED_MAX) {
    into.set(tokens.subarray(start, end))
    into.subarray(0, end - start).sort()
    return
  }
  let kept = 0
  for (let i = start; i < end; i++) {
    const rank = tokens[i] as number
    if (kept < count) kept++
    else if (rank > (into[kept - 1] as number)) continue
    let at = kept - 1
    for (; at > 0 && (into[at - 1] as number) > rank; at--) into[at] = into[at - 1] as number
    into[at] = rank
  }
}

/** How many of a row's tokens bear this mark. */
function marked({ offsets, tokens }: TokenSets, row: number, marks: Int32Array, mark: number) {
  let count = 0
  const end = offsets[row + 1] as number
  for (let i = offsets[row] as number; i < end; i++) {
    if (marks[tokens[i] as number] === mark) count++
  }
  return count
}
