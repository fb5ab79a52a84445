/**
 * The language of chunks: what an analysis goes by, and what it finds.
 * Source: the chunk optimizer's document (`Chunk`, `Metrics`, `Optimization`, `AnalysisOptions`),
 * with our own optional fields beside its own.
 */
import Type, { type Static } from 'typebox'
import { count, type DeepReadonly } from './message.ts'

export const Chunk = Type.Object({
  chunk_id: Type.String(),
  content: Type.String(),
  metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
})
export type Chunk = DeepReadonly<Static<typeof Chunk>>

export const Scope = Type.Enum(['document', 'corpus'], {
  description:
    'What chunks are compared with: those of their request, or all that their owner had analysed.',
})
export type Scope = Static<typeof Scope>

export const score = (description?: string) =>
  Type.Number({ minimum: 0, maximum: 1, ...(description !== undefined && { description }) })
const weight = () => Type.Number({ minimum: 0 })

export const Weights = Type.Object(
  { quality: weight(), redundancy: weight(), size: weight(), similarity: weight() },
  { description: 'How much each side counts in the overall score; 0: not at all.' },
)
export type Weights = DeepReadonly<Static<typeof Weights>>

export const Thresholds = Type.Object(
  { quality: score(), redundancy: score(), size: score() },
  {
    description:
      'Where a score is worth a suggestion: quality and size below it, redundancy above it.',
  },
)
export type Thresholds = DeepReadonly<Static<typeof Thresholds>>

export const TargetTokens = Type.Object(
  { min: count(), low: count(), high: count(), max: count() },
  {
    description:
      'A chunk from `low` to `high` is of a good size; at `min` or below and from `max` on of none. ' +
      'Each is more than the one before (`high` may be `low`), and `high` at least 64: not every text ' +
      'can be split into parts of fewer tokens.',
  },
)
export type TargetTokens = DeepReadonly<Static<typeof TargetTokens>>

export const AnalysisOptions = Type.Object(
  {
    check_quality: Type.Boolean(),
    check_redundancy: Type.Boolean(),
    check_size: Type.Boolean(),
    check_similarity: Type.Boolean(),
    similarity_threshold: Type.Number({
      ...{ minimum: 0, maximum: 1 },
      description: 'Inclusive: two chunks that are this similar are the same.',
    }),
    max_embedding_tokens: Type.Optional(
      count('What the embedding model reads of a chunk; it never sees the tokens beyond.'),
    ),
    scope: Scope,
    weights: Weights,
    thresholds: Thresholds,
    target_tokens: TargetTokens,
    shingle_size: count(
      'So many tokens in a row are compared as one; from 2 on, their order counts.',
    ),
    ignore_adjacent_overlap: Type.Boolean({
      description: 'What a chunk shares with its neighbour because a sliding window has cut both.',
    }),
  },
  { title: 'OptionsInForce' },
)
export type AnalysisOptions = DeepReadonly<Static<typeof AnalysisOptions>>

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

export const Metrics = Type.Object(
  {
    chunk_id: Type.String(),
    quality_score: score(),
    redundancy_score: score(),
    size_score: score(),
    similarity_score: score(),
    overall_score: score(),
  },
  {
    title: 'Metrics',
    description: 'Of redundancy and similarity less is better, of the others more.',
  },
)
export type Metrics = DeepReadonly<Static<typeof Metrics>>

export const OptimizationType = Type.Enum(['quality', 'redundancy', 'size', 'similarity', 'info'])
export type OptimizationType = Static<typeof OptimizationType>
export const Priority = Type.Enum(['low', 'medium', 'high'])
export type Priority = Static<typeof Priority>
export const OptimizationStatus = Type.Enum(['pending', 'applied', 'ignored'])
export type OptimizationStatus = Static<typeof OptimizationStatus>

const place = { start: count(), end: count() }

export const Part = Type.Object({ ...place, tokens: count() })
export type Part = DeepReadonly<Static<typeof Part>>

export const Span = Type.Object(
  { ...place, kept_in: Type.String() },
  { description: 'What can go, since `kept_in` has it too.' },
)
export type Span = DeepReadonly<Static<typeof Span>>

export const Plan = Type.Union(
  [
    Type.Object({ action: Type.Literal('split'), parts: Type.Array(Part) }),
    Type.Object({
      action: Type.Literal('merge'),
      chunk_ids: Type.Array(Type.String()),
      joiner: Type.String(),
    }),
    Type.Object({ action: Type.Literal('trim'), spans: Type.Array(Span) }),
  ],
  {
    title: 'Plan',
    description:
      "What to do. Offsets count UTF-16 units of the chunk's content; `end` is exclusive.",
  },
)
export type Plan = DeepReadonly<Static<typeof Plan>>

export const Elsewhere = Type.Object(
  {
    chunk_id: Type.String(),
    document_id: Type.Optional(Type.String()),
    similarity: score(),
    // What was recorded before it was told has none.
    containment: Type.Optional(
      score('Of the one with fewer tokens, how much is in the other; 1: it is a part.'),
    ),
  },
  {
    title: 'Elsewhere',
    description:
      'A chunk that was analysed before: with that document, or else in a batch or by itself.',
  },
)
export type Elsewhere = DeepReadonly<Static<typeof Elsewhere>>

export const RELATED_MAX = 20

/** What should be done with a chunk, before anybody has recorded it. */
export const Finding = Type.Object({
  chunk_id: Type.String(),
  type: OptimizationType,
  priority: Priority,
  title: Type.String(),
  description: Type.String(),
  suggested_action: Type.String(),
  related_chunks: Type.Array(Type.String(), { maxItems: RELATED_MAX }),
  related_total: Type.Optional(count('Of chunks that are alike; 20 of them are named at most.')),
  related: Type.Optional(
    Type.Array(Elsewhere, {
      description: 'Of the related chunks those that stand in other documents, or in none.',
    }),
  ),
  plan: Type.Optional(Plan),
})
export type Finding = DeepReadonly<Static<typeof Finding>>

export const Cluster = Type.Object(
  { keeper: Type.String(), duplicates: Type.Array(Type.String()) },
  { title: 'Cluster', description: 'Chunks that say the same, and the one to keep.' },
)
export type Cluster = DeepReadonly<Static<typeof Cluster>>
