/**
 * The language of chunk analysis: what can be asked, and what was found.
 * Source: the chunk optimizer's document (`Chunk`, `Metrics`, `Optimization`, `AnalysisOptions`),
 * with our own optional fields beside its own.
 *
 * One analysis is one command and one event, whatever its size. An optimization's id follows from
 * whose chunk it is about, what that says and what is wrong with it: found again, it is the same one,
 * and what was decided of it holds until the content changes.
 */
import type { DocumentReport } from './document-report.ts'
import type { Envelope } from './envelope.ts'

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
  /** What chunks are compared with: those of their request, or all that their owner had analysed. */
  readonly scope: Scope
  /** How much each side counts in the overall score; 0: not at all. */
  readonly weights: Weights
  /** Where a score is worth a suggestion: quality and size below it, redundancy above it. */
  readonly thresholds: Thresholds
  readonly target_tokens: TargetTokens
  /** So many tokens in a row are compared as one; from 2 on, their order counts. */
  readonly shingle_size: number
  /** What a chunk shares with its neighbour because a sliding window has cut both. */
  readonly ignore_adjacent_overlap: boolean
}

export type Scope = 'document' | 'corpus'
export type Weights = Readonly<Record<'quality' | 'redundancy' | 'size' | 'similarity', number>>
export type Thresholds = Readonly<Record<'quality' | 'redundancy' | 'size', number>>
/** A chunk from `low` to `high` is of a good size; at `min` or below and from `max` on of none. */
export type TargetTokens = Readonly<Record<'min' | 'low' | 'high' | 'max', number>>

/** What a call leaves out. */
export const ANALYSIS_OPTIONS: AnalysisOptions = {
  check_quality: true,
  check_redundancy: true,
  check_size: true,
  check_similarity: true,
  similarity_threshold: 0.85,
  weights: { quality: 0.4, redundancy: 0.3, size: 0.2, similarity: 0.1 },
  thresholds: { quality: 0.6, redundancy: 0.5, size: 0.5 },
  target_tokens: { min: 0, low: 64, high: 400, max: 2_048 },
  shingle_size: 1,
  ignore_adjacent_overlap: false,
  scope: 'document',
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
  /** Of the related chunks those that stand in other documents, or in none. */
  readonly related?: readonly Elsewhere[]
  readonly plan?: Plan
}

/** A chunk that was analysed before: with that document, or else in a batch or by itself. */
export interface Elsewhere {
  readonly chunk_id: string
  readonly document_id?: string
  readonly similarity: number
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

// ── commands ────────────────────────────────────────────────────────────────────────────────────

export type AnalysisKind = 'chunk' | 'document' | 'batch'

interface AnalysisData {
  /** A UUID. */
  readonly analysis_id: string
  readonly owner: string
  readonly kind: AnalysisKind
  /** The caller's own id of the chunk, the document or the batch. */
  readonly name: string
  readonly options: AnalysisOptions
}

interface Deadline {
  /** ISO 8601. Nobody waits any longer: whoever reads the command later must not act on it. */
  readonly deadline: string
}

export type RunAnalysis = Envelope<
  'analysis.run',
  AnalysisData & { readonly chunks: readonly Chunk[] } & Deadline
>

export type SettledStatus = Exclude<OptimizationStatus, 'pending'>

interface SettledData {
  readonly optimization_id: string
  readonly owner: string
  readonly status: SettledStatus
}

export type SettleOptimization = Envelope<'optimization.settle', SettledData & Deadline>

// ── events ──────────────────────────────────────────────────────────────────────────────────────

export interface Optimization extends Finding {
  readonly id: string
  readonly created_at: string
  readonly status: OptimizationStatus
}

export interface AnalysedChunk {
  /** SHA-256 of the content, in base64url: the content itself is the caller's. */
  readonly content_hash: string
  readonly metrics: Metrics
  readonly tokens: number
  /** The most urgent first, without those that were ignored before. */
  readonly optimizations: readonly Optimization[]
}

/**
 * What `domain/chunks/fingerprint.ts` makes of a chunk, in base64: three bytes for a hash of a token
 * or of a row of them, four for a key of the index, the lowest byte first.
 */
export interface SealedFingerprint {
  readonly tokens: string
  readonly grams: string
  readonly keys: string
}

/** What came of looking at the chunks that were analysed before. */
export interface CorpusSearch {
  /** How many of them were near enough to be compared. */
  readonly compared: number
  /** False: what was analysed in the last moments may be missing. */
  readonly complete: boolean
  /** There were too many to compare all. */
  readonly truncated: boolean
}

export interface CompletedAnalysis extends AnalysisData {
  /** Of the formulas and of what no option sets (`domain/chunks/options.ts`). */
  readonly profile_version: string
  readonly chunks: readonly AnalysedChunk[]
  readonly clusters: readonly Cluster[]
  /** Similarities below it are told as 0. */
  readonly similarity_floor: number
  /** The search for similar chunks had to stop before its end. */
  readonly truncated: boolean
  /** Of a document only. */
  readonly report?: DocumentReport
  /** With `scope: corpus` only. */
  readonly corpus?: CorpusSearch
  /** In the place of each chunk that by which later analyses recognise it; null: it has too few tokens
   *  for that, or too many. Not for the caller's eyes. */
  readonly fingerprints?: readonly (SealedFingerprint | null)[]
  readonly created_at: string
}

export type AnalysisCompleted = Envelope<'analysis.completed', CompletedAnalysis>
export type OptimizationSettled = Envelope<
  'optimization.settled',
  SettledData & { readonly settled_at: string }
>
export type ChunkEvent = AnalysisCompleted | OptimizationSettled

/** A command that comes again says its event again, and the log drops the repeat. */
export const chunkMessageId = {
  command: (type: string, requestId: string) => `${type}:${requestId}`,
  completed: (analysisId: string) => `analysis:${analysisId}`,
  settled: (commandId: string) => `settled:${commandId}`,
} as const
