/**
 * What a whole document is like, as its analysis tells it: figures, and of what there may be
 * thousands only the first, since the event beside it has all.
 */
import type { Cluster, OptimizationType, Priority } from './chunks.ts'

export interface DocumentReport {
  readonly chunks: number
  readonly tokens: number
  /** What the duplicates take up that a cluster's keeper makes superfluous. */
  readonly tokens_saved: number
  readonly duplicate_ratio: number
  readonly mean_overall_score: number
  readonly by_type: Readonly<Partial<Record<OptimizationType, number>>>
  readonly by_priority: Readonly<Partial<Record<Priority, number>>>
  /** How many chunks have up to so many tokens, and more than the class before. */
  readonly sizes: readonly { readonly up_to: number | null; readonly chunks: number }[]
  readonly worst: readonly { readonly chunk_id: string; readonly overall_score: number }[]
  /** The largest first. */
  readonly clusters: readonly ReportedCluster[]
  readonly clusters_total: number
  readonly truncated: boolean
}

export interface ReportedCluster extends Cluster {
  /** With those that are not told by name. */
  readonly duplicates_total: number
}
