/**
 * Of each text of a document, how similar its nearest other text is, and which are its twins.
 *
 * Invariants:
 * 1. The greatest similarity is exact wherever it reaches the `floor` that is told; a smaller one is
 *    told as 0. Up to `EXACT_MAX` texts of ordinary length the floor is 0.
 * 2. Twins are those at the threshold or above, however low the floor.
 * 3. No more than about twice `budget` steps are taken; what that leaves out is told.
 */
import type { Elsewhere } from '#events/chunks.ts'
import { append, postings } from './postings.ts'
import { jaccard } from './similarity.ts'
import { similarityJoin, type OnPair } from './similarity-join.ts'
import { tokenSets, type TokenSets } from './token-sets.ts'

export interface Twin {
  readonly index: number
  readonly score: number
}

export interface Twins {
  readonly nearest: Float64Array
  /** Rows of equal texts, and of each row the rows that are its twins. */
  readonly rows: readonly (readonly number[])[]
  readonly rowOf: Int32Array
  readonly twinRows: ReadonlyMap<number, readonly Twin[]>
  readonly floor: number
  readonly truncated: boolean
}

export const STEPS_BUDGET = 200_000_000
const EXACT_MAX = 1_000
const FLOORS: readonly (readonly [upTo: number, floor: number])[] = [
  [5_000, 0.3],
  [20_000, 0.5],
]

export function findTwins(
  sets: readonly Int32Array[],
  vocabulary: number,
  threshold: number,
  budget = STEPS_BUDGET,
): Twins {
  const laidOut = tokenSets(sets, vocabulary)
  const { members } = laidOut
  const nearest = new Float64Array(members.length)
  const twinRows = new Map<number, Twin[]>()
  const onPair: OnPair = (a, b, score) => {
    nearest[a] = Math.max(nearest[a] ?? 0, score)
    nearest[b] = Math.max(nearest[b] ?? 0, score)
    if (score < threshold - 1e-9) return
    push(twinRows, a, { index: b, score })
    push(twinRows, b, { index: a, score })
  }
  const { floor, truncated } = search(laidOut, threshold, budget, onPair, () => {
    nearest.fill(0)
    twinRows.clear()
  })
  const rowOf = new Int32Array(sets.length).fill(-1)
  const scores = new Float64Array(sets.length)
  members.forEach((indexes, row) => {
    for (const index of indexes) {
      rowOf[index] = row
      scores[index] = indexes.length > 1 ? 1 : (nearest[row] ?? 0)
    }
  })
  return { nearest: scores, rows: members, rowOf, twinRows, floor, truncated }
}

function search(
  sets: TokenSets,
  threshold: number,
  budget: number,
  onPair: OnPair,
  startOver: () => void,
): Pick<Twins, 'floor' | 'truncated'> {
  const rows = sets.members.length
  if (rows <= EXACT_MAX && pairings(sets) <= budget) {
    allOverlaps(sets, onPair)
    return { floor: 0, truncated: false }
  }
  const floor = Math.min(threshold, FLOORS.find(([upTo]) => rows <= upTo)?.[1] ?? threshold)
  if (floor < threshold) {
    if (!similarityJoin(sets, floor, budget, onPair).truncated) return { floor, truncated: false }
    startOver()
  }
  const { truncated } = similarityJoin(sets, threshold, budget, onPair)
  return { floor: threshold, truncated }
}

/** How many steps `allOverlaps` takes. */
const pairings = ({ frequency }: TokenSets) =>
  frequency.reduce((sum, count) => sum + (count * (count - 1)) / 2, 0)

/** Every pair that shares anything, by counting what it shares. */
function allOverlaps({ offsets, tokens, frequency, members }: TokenSets, onPair: OnPair): void {
  const lists = postings(frequency)
  const shared = new Int32Array(members.length)
  const sizeOf = (row: number) => (offsets[row + 1] as number) - (offsets[row] as number)
  for (let row = 0; row < members.length; row++) {
    shared.fill(0, 0, row)
    for (let i = offsets[row] as number; i < (offsets[row + 1] as number); i++) {
      const rank = tokens[i] as number
      const end = lists.ends[rank] as number
      for (let at = lists.heads[rank] as number; at < end; at++) {
        ;(shared[lists.rows[at] as number] as number)++
      }
      append(lists, rank, row)
    }
    for (let other = 0; other < row; other++) {
      const inter = shared[other] as number
      if (inter > 0) onPair(row, other, jaccard(inter, sizeOf(row), sizeOf(other)))
    }
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

export interface Related {
  /** The most similar first, then by id. */
  readonly ids: readonly string[]
  readonly total: number
  /** Those of them that are not of this analysis. */
  readonly elsewhere?: readonly Elsewhere[]
}

/** The twins of each text, as many as anybody reads; equal texts share one look-up. */
export function relatedBy(
  { rows, rowOf, twinRows }: Twins,
  idOf: (index: number) => string,
  max: number,
): (index: number) => Related {
  // One more than is told, since a text is not its own twin.
  const firstOf = rows.map((indexes) =>
    indexes
      .map(idOf)
      .sort()
      .slice(0, max + 1),
  )
  const byScore = (twins: readonly Twin[]) => twins.toSorted((a, b) => b.score - a.score)

  return (index) => {
    const row = rowOf[index] as number
    if (row === -1) return { ids: [], total: 0 }
    const itself = { index: row, score: 1 }
    const found: { id: string; score: number }[] = []
    let total = -1
    for (const { index: other, score } of byScore([itself, ...(twinRows.get(row) ?? [])])) {
      total += rows[other]?.length ?? 0
      const last = found.at(-1)
      // What is less similar than enough others is only counted.
      if (found.length > max && last !== undefined && last.score > score) continue
      for (const id of firstOf[other] ?? []) found.push({ id, score })
    }
    const own = found.findIndex(({ id }) => id === idOf(index))
    if (own !== -1) found.splice(own, 1)
    found.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    return { ids: found.slice(0, max).map(({ id }) => id), total }
  }
}
