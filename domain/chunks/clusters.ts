/**
 * Clusters of duplicates, each with the chunk to keep: the best by quality, then the longest, then
 * the first in the document. Whoever is like one of a cluster belongs to it.
 */
import type { Cluster } from '#events/chunks.ts'
import type { Twins } from './twins.ts'
import { Unions } from './unions.ts'

export interface Candidate {
  readonly chunk_id: string
  readonly quality: number
  readonly length: number
}

export interface Clustered {
  /** In the order of their first chunks; a keeper is not among its duplicates. */
  readonly clusters: readonly Cluster[]
  /** Of each chunk 1 if it is a duplicate: ids may come twice. */
  readonly removed: Uint8Array
}

export function clustersOf(
  { rows, rowOf, twinRows }: Pick<Twins, 'rows' | 'rowOf' | 'twinRows'>,
  candidates: readonly Candidate[],
): Clustered {
  const unions = new Unions(rows.length)
  for (const [row, twins] of twinRows) for (const { index } of twins) unions.join(row, index)
  const groups = new Map<number, number[]>()
  for (let index = 0; index < candidates.length; index++) {
    const row = rowOf[index] ?? -1
    if (row === -1) continue
    const root = unions.rootOf(row)
    const group = groups.get(root)
    if (group === undefined) groups.set(root, [index])
    else group.push(index)
  }
  const removed = new Uint8Array(candidates.length)
  const clusters: Cluster[] = []
  const at = (index: number) => candidates[index] as Candidate
  for (const group of groups.values()) {
    if (group.length === 1) continue
    const keeper = group.reduce((best, one) => (isBetter(at(one), at(best)) ? one : best))
    const duplicates = group.filter((one) => one !== keeper)
    for (const one of duplicates) removed[one] = 1
    clusters.push({
      keeper: at(keeper).chunk_id,
      duplicates: duplicates.map((one) => at(one).chunk_id),
    })
  }
  return { clusters, removed }
}

/** Of two that are as good, the one that stands first. */
function isBetter(one: Candidate, best: Candidate): boolean {
  return one.quality > best.quality || (one.quality === best.quality && one.length > best.length)
}
