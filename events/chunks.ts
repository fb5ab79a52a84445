/**
 * The language of chunk analysis: what can be asked, and what was found.
 * Source: the chunk optimizer's document (`Chunk`, `Metrics`, `Optimization`, `AnalysisOptions`),
 * with our own optional fields beside its own.
 */

export interface Chunk {
  readonly chunk_id: string
  readonly content: string
  readonly metadata?: Readonly<Record<string, unknown>>
}

export interface AnalysisOptions {
  readonly check_quality: boolean
  readonly check_redundancy: boolean
  readonly check_size: boolean
  readonly check_similarity: boolean
  /** Inclusive: two chunks that are this similar are the same. */
  readonly similarity_threshold: number
  /** What the embedding model reads of a chunk; it never sees the tokens beyond. */
  readonly max_embedding_tokens?: number
}

export const ANALYSIS_OPTIONS: AnalysisOptions = {
  check_quality: true,
  check_redundancy: true,
  check_size: true,
  check_similarity: true,
  similarity_threshold: 0.85,
}

/** Each from 0 to 1. Of redundancy and similarity less is better, of the others more. */
export interface Metrics {
  readonly chunk_id: string
  readonly quality_score: number
  readonly redundancy_score: number
  readonly size_score: number
  readonly similarity_score: number
  readonly overall_score: number
}

export type OptimizationType = 'quality' | 'redundancy' | 'size' | 'similarity' | 'info'
export type Priority = 'low' | 'medium' | 'high'
export type OptimizationStatus = 'pending' | 'applied' | 'ignored'

/** What should be done with a chunk, before anybody has recorded it. */
export interface Finding {
  readonly chunk_id: string
  readonly type: OptimizationType
  readonly priority: Priority
  readonly title: string
  readonly description: string
  readonly suggested_action: string
  /** At most `RELATED_MAX`; `related_total` counts all. */
  readonly related_chunks: readonly string[]
  readonly related_total?: number
  readonly plan?: Plan
}

export const RELATED_MAX = 20

/** Offsets count UTF-16 units of the chunk's content; `end` is exclusive. */
export type Plan =
  | { readonly action: 'split'; readonly parts: readonly Part[] }
  | { readonly action: 'merge'; readonly chunk_ids: readonly string[]; readonly joiner: string }
  | { readonly action: 'trim'; readonly spans: readonly Span[] }

export interface Part {
  readonly start: number
  readonly end: number
  readonly tokens: number
}

/** What can go, since `kept_in` has it too. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly kept_in: string
}

/** Chunks that say the same, and the one to keep. */
export interface Cluster {
  readonly keeper: string
  readonly duplicates: readonly string[]
}
