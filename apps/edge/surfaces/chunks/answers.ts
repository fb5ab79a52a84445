/**
 * What the chunk API answers with: the fields of its document, and ours beside them. Ours are
 * optional here, so that the document's own examples are answers too.
 */
import Type, { type Static } from 'typebox'
import {
  Cluster,
  Elsewhere,
  Metrics,
  OptimizationStatus,
  OptimizationType,
  Priority,
  Scope,
} from '#events/chunks.ts'
import type { DeepReadonly } from '#events/message.ts'
import { Count, Nullable, Time } from '../../http/shapes.ts'

const Size = Count()
const Score = Type.Number({ minimum: 0, maximum: 1 })
const ChunkId = Type.String({ description: "The caller's own." })
const TYPES = OptimizationType.enum
const PRIORITIES = Priority.enum

const place = { start: Size, end: Size }
const Plan = Type.Union(
  [
    Type.Object({
      action: Type.Literal('split'),
      parts: Type.Array(Type.Object({ ...place, tokens: Size })),
    }),
    Type.Object({
      action: Type.Literal('merge'),
      chunk_ids: Type.Array(ChunkId),
      joiner: Type.String(),
    }),
    Type.Object({
      action: Type.Literal('trim'),
      spans: Type.Array(Type.Object({ ...place, kept_in: ChunkId })),
    }),
  ],
  {
    title: 'Plan',
    description: 'What to do, in UTF-16 units of the content; `end` is exclusive.',
  },
)

const suggestion = {
  id: Type.String({ format: 'uuid' }),
  chunk_id: ChunkId,
  type: OptimizationType,
  priority: Priority,
  title: Type.String(),
  description: Type.String(),
  suggested_action: Type.String(),
  related_chunks: Type.Array(ChunkId),
  related_total: Type.Optional(Count('Of related chunks; there when not all are listed.')),
  related: Type.Optional(
    Type.Array(Elsewhere, {
      description: 'Of the related chunks those of other documents, or of none.',
    }),
  ),
  plan: Type.Optional(Plan),
  created_at: Time(),
  status: OptimizationStatus,
}

const Optimization = Type.Object(suggestion, { title: 'Optimization' })

export const StoredOptimization = Type.Object(
  {
    ...suggestion,
    overall_score: Score,
    document_id: Type.Optional(Type.String()),
    batch_id: Type.Optional(Type.String()),
  },
  { title: 'StoredOptimization' },
)
export type StoredOptimization = DeepReadonly<Static<typeof StoredOptimization>>

const ReportedCluster = Type.Object(
  {
    ...Cluster.properties,
    duplicates_total: Type.Optional(Count('There when not all are listed.')),
  },
  { title: 'ReportedCluster' },
)

const tally = (names: readonly string[]) =>
  Type.Object(Object.fromEntries(names.map((name) => [name, Type.Optional(Size)])))

const Report = Type.Object(
  {
    chunks: Size,
    tokens: Size,
    tokens_saved: Size,
    duplicate_ratio: Score,
    mean_overall_score: Score,
    by_type: tally(TYPES),
    by_priority: tally(PRIORITIES),
    sizes: Type.Array(Type.Object({ up_to: Nullable(Size), chunks: Size })),
    worst: Type.Array(Type.Object({ chunk_id: ChunkId, overall_score: Score })),
    clusters: Type.Array(ReportedCluster),
    clusters_total: Type.Optional(Count('With those that are not told.')),
    truncated: Type.Boolean(),
  },
  { title: 'DocumentReport' },
)

const analysed = {
  optimization: Type.Optional(Optimization),
  metrics: Metrics,
  optimizations: Type.Optional(
    Type.Array(Optimization, {
      description: 'The most urgent first; `optimization` is the first.',
    }),
  ),
}
const Truncated = Type.Boolean({
  description: 'The search for similar chunks had to stop before its end.',
})

const Options = Type.Object(
  {
    check_quality: Type.Boolean(),
    check_redundancy: Type.Boolean(),
    check_size: Type.Boolean(),
    check_similarity: Type.Boolean(),
    similarity_threshold: Score,
    max_embedding_tokens: Type.Optional(Size),
    weights: Type.Object({
      quality: Type.Number(),
      redundancy: Type.Number(),
      size: Type.Number(),
      similarity: Type.Number(),
    }),
    thresholds: Type.Object({ quality: Score, redundancy: Score, size: Score }),
    target_tokens: Type.Object({ min: Size, low: Size, high: Size, max: Size }),
    shingle_size: Size,
    ignore_adjacent_overlap: Type.Boolean(),
    // An analysis of before says nothing of it.
    scope: Type.Optional(Scope),
  },
  { title: 'OptionsInForce' },
)

const CorpusSearch = Type.Object(
  {
    compared: Count('Chunks that were analysed before and near enough to be compared.'),
    complete: Type.Boolean({
      description: 'False: what was analysed in the last moments may be missing.',
    }),
    truncated: Type.Boolean({ description: 'There were too many to compare all.' }),
  },
  { title: 'CorpusSearch', description: 'With `scope: corpus` only.' },
)

/** What the analysis went by. */
const inForce = {
  options: Type.Optional(Options),
  profile_version: Type.Optional(
    Type.String({ description: 'Of the formulas: scores of another are not to be compared.' }),
  ),
}

const searched = { corpus: Type.Optional(CorpusSearch) }

export const ChunkAnalysis = Type.Object(
  { ...analysed, tokens: Type.Optional(Size), ...inForce, ...searched },
  { title: 'ChunkAnalysis' },
)
export type ChunkAnalysis = DeepReadonly<Static<typeof ChunkAnalysis>>

export const DocumentAnalysis = Type.Object(
  {
    document_id: Type.String(),
    optimizations: Type.Array(Optimization),
    total: Size,
    high_priority: Size,
    metrics: Type.Optional(Type.Array(Metrics)),
    clusters: Type.Optional(Type.Array(Cluster)),
    similarity_floor: Type.Optional(
      Type.Number({ description: 'Similarities below it are told as 0.' }),
    ),
    truncated: Type.Optional(Truncated),
    report: Type.Optional(Report),
    ...inForce,
    ...searched,
  },
  { title: 'DocumentAnalysis' },
)
export type DocumentAnalysis = DeepReadonly<Static<typeof DocumentAnalysis>>

export const DocumentReport = Type.Object(
  {
    document_id: Type.String(),
    analysis_id: Type.String({ format: 'uuid' }),
    created_at: Time(),
    ...inForce,
    report: Report,
  },
  { title: 'NewestReport' },
)
export type DocumentReport = DeepReadonly<Static<typeof DocumentReport>>

const FailedItem = Type.Object(
  {
    item_id: Nullable(Type.String(), 'It has none that can be read.'),
    error: Type.Object({
      error: Type.String(),
      message: Type.String(),
      details: Type.Optional(Type.Unknown()),
    }),
  },
  { title: 'FailedItem', description: 'An item that is none: it fails alone.' },
)

export const BatchAnalysis = Type.Object(
  {
    batch_id: Type.String(),
    results: Type.Array(
      Type.Union([
        Type.Object({ item_id: Type.String(), ...analysed }, { title: 'AnalysedItem' }),
        FailedItem,
      ]),
      { description: 'In the order of the items.' },
    ),
    processed: Size,
    total: Size,
    failed: Size,
    truncated: Type.Optional(Truncated),
    ...inForce,
    ...searched,
  },
  { title: 'BatchAnalysis' },
)
export type BatchAnalysis = DeepReadonly<Static<typeof BatchAnalysis>>

export const Similarity = Type.Object(
  {
    similarity_score: Score,
    method: Type.Literal('jaccard'),
    details: Type.Object({
      intersection: Size,
      union: Size,
      tokens1: Type.Optional(Size),
      tokens2: Type.Optional(Size),
      shingle_size: Type.Optional(Size),
      tokenizer: Type.Optional(Type.String({ description: 'How texts are cut into tokens.' })),
      containment: Type.Optional(
        Type.Number({
          ...{ minimum: 0, maximum: 1 },
          description: 'Of the smaller text, how much is in the other.',
        }),
      ),
    }),
  },
  { title: 'Similarity' },
)
export type Similarity = DeepReadonly<Static<typeof Similarity>>

export const OptimizationPage = Type.Object(
  {
    data: Type.Array(StoredOptimization),
    pagination: Type.Object({ page: Size, per_page: Size, total: Size, total_pages: Size }),
  },
  { title: 'OptimizationPage' },
)
export type OptimizationPage = DeepReadonly<Static<typeof OptimizationPage>>
