/**
 * Clusters of duplicates, each with the chunk to keep: the best by quality, then the longest, then
 * the first by id. Whoever is like one of a cluster belongs to it.
 */
import type { Cluster } from '#events/chunks.ts'
import type { Twins } from './twins.ts'
import { Unions } from './unions.ts'

export interface Candidate {
  readonly chunk_id: string
  readonly quality: number
  readonly length: number
}

/** In the order of their first chunks; a keeper is not among its duplicates. */
export function clustersOf(
  { rows, rowOf, twinRows }: Pick<Twins, 'rows' | 'rowOf' | 'twinRows'>,
  candidates: readonly Candidate[],
): Cluster[] {
  const unions = new Unions(rows.length)
  for (const [row, twins] of twinRows) for (const { index } of twins) unions.join(row, index)
  const groups = new Map<number, Candidate[]>()
  candidates.forEach((candidate, index) => {
    const row = rowOf[index] as number
    if (row === -1) return
    const root = unions.rootOf(row)
    const group = groups.get(root)
    if (group === undefined) groups.set(root, [candidate])
    else group.push(candidate)
  })
  return [...groups.values()].filter((group) => group.length > 1).map(clusterOf)
}

function clusterOf(group: readonly Candidate[]): Cluster {
  const keeper = group.reduce((best, one) => (isBetter(one, best) ? one : best))
  const duplicates = group.filter((one) => one !== keeper).map(({ chunk_id }) => chunk_id)
  return { keeper: keeper.chunk_id, duplicates }
}

function isBetter(one: Candidate, best: Candidate): boolean {
  if (one.quality !== best.quality) return one.quality > best.quality
  if (one.length !== best.length) return one.length > best.length
  return one.chunk_id < best.chunk_id
}
