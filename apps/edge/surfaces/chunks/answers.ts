/**
 * What the chunk API answers with: the fields of its document, and ours beside them. Ours are
 * optional here, so that the document's own examples are answers too.
 */
import Type, { type Static } from 'typebox'
import { CompletedAnalysis, Optimization } from '#events/analyses.ts'
import { Cluster, Metrics, score } from '#events/chunks.ts'
import { DocumentReport as Report } from '#events/document-report.ts'
import { count, nullable, type DeepReadonly } from '#events/message.ts'

export const StoredOptimization = Type.Object(
  {
    ...Optimization.properties,
    overall_score: score(),
    /** What was found before they were kept is shown without. */
    metrics: Type.Optional(Metrics),
    document_id: Type.Optional(Type.String()),
    batch_id: Type.Optional(Type.String()),
  },
  { title: 'StoredOptimization' },
)
export type StoredOptimization = DeepReadonly<Static<typeof StoredOptimization>>

const analysed = {
  optimization: Type.Optional(Optimization),
  metrics: Metrics,
  optimizations: Type.Optional(
    Type.Array(Optimization, {
      description:
        'The most urgent first, those that were applied last; `optimization` is the first.',
    }),
  ),
}
const { analysis_id, created_at, options, profile_version, corpus, similarity_floor, truncated } =
  CompletedAnalysis.properties

/** What the analysis went by. */
const inForce = {
  options: Type.Optional(options),
  profile_version: Type.Optional(profile_version),
}

export const ChunkAnalysis = Type.Object(
  { ...analysed, tokens: Type.Optional(count()), ...inForce, corpus },
  { title: 'ChunkAnalysis' },
)
export type ChunkAnalysis = DeepReadonly<Static<typeof ChunkAnalysis>>

export const DocumentAnalysis = Type.Object(
  {
    document_id: Type.String(),
    optimizations: Type.Array(Optimization),
    total: count(),
    high_priority: count(),
    metrics: Type.Optional(Type.Array(Metrics)),
    clusters: Type.Optional(Type.Array(Cluster)),
    similarity_floor: Type.Optional(similarity_floor),
    truncated: Type.Optional(truncated),
    report: Type.Optional(Report),
    ...inForce,
    corpus,
  },
  { title: 'DocumentAnalysis' },
)
export type DocumentAnalysis = DeepReadonly<Static<typeof DocumentAnalysis>>

export const DocumentReport = Type.Object(
  { document_id: Type.String(), analysis_id, created_at, ...inForce, report: Report },
  { title: 'NewestReport' },
)
export type DocumentReport = DeepReadonly<Static<typeof DocumentReport>>

const FailedItem = Type.Object(
  {
    item_id: nullable(Type.String(), 'It has none that can be read.'),
    error: Type.Object({
      error: Type.String(),
      code: Type.Enum(['InvalidRequest', 'ValidationError']),
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
    processed: count(),
    total: count(),
    failed: count(),
    truncated: Type.Optional(truncated),
    ...inForce,
    corpus,
  },
  { title: 'BatchAnalysis' },
)
export type BatchAnalysis = DeepReadonly<Static<typeof BatchAnalysis>>

export const Similarity = Type.Object(
  {
    similarity_score: score(),
    method: Type.Literal('jaccard'),
    details: Type.Object({
      intersection: count(),
      union: count(),
      tokens1: Type.Optional(count()),
      tokens2: Type.Optional(count()),
      shingle_size: Type.Optional(count()),
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
    pagination: Type.Object({
      page: count(),
      per_page: count(),
      total: count(),
      total_pages: count(),
    }),
  },
  { title: 'OptimizationPage' },
)
export type OptimizationPage = DeepReadonly<Static<typeof OptimizationPage>>
