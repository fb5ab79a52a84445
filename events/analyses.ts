/**
 * The language of analyses: what can be asked of chunks, and what was found and decided.
 *
 * One analysis is one command and one event, whatever its size. An optimization's id follows from
 * whose chunk it is about, what that says and what is wrong with it: found again, it is the same one,
 * and what was decided of it holds until the content changes.
 */
import Type, { type Static } from 'typebox'
import { AnalysisOptions, Chunk, Cluster, Finding, Metrics, OptimizationStatus } from './chunks.ts'
import { DocumentReport } from './document-report.ts'
import {
  count,
  deadline,
  message,
  nullable,
  timestamp,
  type DeepReadonly,
  type EnvelopeOf,
} from './message.ts'

// ── commands ────────────────────────────────────────────────────────────────────────────────────

export const AnalysisKind = Type.Enum(['chunk', 'document', 'batch'])
export type AnalysisKind = Static<typeof AnalysisKind>

const analysis = {
  analysis_id: Type.String({ format: 'uuid' }),
  owner: Type.String(),
  kind: AnalysisKind,
  name: Type.String({
    description: "The caller's own id of the chunk, the document or the batch.",
  }),
  options: AnalysisOptions,
}

export const RunAnalysis = message(
  'analysis.run',
  'Analyse chunks: one, those of a document, or a batch.',
  Type.Object({ ...analysis, chunks: Type.Array(Chunk), ...deadline }),
)
export type RunAnalysis = EnvelopeOf<typeof RunAnalysis>

export const SettledStatus = Type.Enum(['applied', 'ignored'])
export type SettledStatus = Static<typeof SettledStatus>

const settled = {
  optimization_id: Type.String(),
  owner: Type.String(),
  status: SettledStatus,
}

export const SettleOptimization = message(
  'optimization.settle',
  'Say what became of a suggestion.',
  Type.Object({ ...settled, ...deadline }),
)
export type SettleOptimization = EnvelopeOf<typeof SettleOptimization>

// ── events ──────────────────────────────────────────────────────────────────────────────────────

export const Optimization = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    ...Finding.properties,
    created_at: timestamp('When the newest analysis found it.'),
    status: OptimizationStatus,
  },
  { title: 'Optimization' },
)
export type Optimization = DeepReadonly<Static<typeof Optimization>>

export const AnalysedChunk = Type.Object({
  content_hash: Type.String({
    description: "SHA-256 of the content, in base64url: the content itself is the caller's.",
  }),
  metrics: Metrics,
  tokens: count(),
  optimizations: Type.Array(Optimization, {
    description: 'The most urgent first, without those that were ignored before.',
  }),
})
export type AnalysedChunk = DeepReadonly<Static<typeof AnalysedChunk>>

export const SealedFingerprint = Type.Object(
  { tokens: Type.String(), keys: Type.String() },
  {
    description:
      'In base64: three bytes for the hash of a token, four for a key of the index, the lowest byte first.',
  },
)
export type SealedFingerprint = DeepReadonly<Static<typeof SealedFingerprint>>

export const CorpusSearch = Type.Object(
  {
    compared: count('Chunks that were analysed before and near enough to be compared.'),
    complete: Type.Boolean({
      description: 'False: what was analysed in the last moments may be missing.',
    }),
    truncated: Type.Boolean({ description: 'There were too many to compare all.' }),
  },
  {
    title: 'CorpusSearch',
    description: 'What came of looking at the chunks that were analysed before.',
  },
)
export type CorpusSearch = DeepReadonly<Static<typeof CorpusSearch>>

export const CompletedAnalysis = Type.Object({
  ...analysis,
  profile_version: Type.String({
    description: 'Of the formulas: scores of another are not to be compared.',
  }),
  chunks: Type.Array(AnalysedChunk),
  clusters: Type.Array(Cluster),
  similarity_floor: Type.Number({ description: 'Similarities below it are told as 0.' }),
  truncated: Type.Boolean({
    description: 'The search for similar chunks had to stop before its end.',
  }),
  report: Type.Optional(DocumentReport),
  corpus: Type.Optional(CorpusSearch),
  fingerprints: Type.Optional(
    Type.Array(nullable(SealedFingerprint), {
      description:
        "In the place of each chunk that by which later analyses recognise it; null: it has too few tokens for that, or too many. Not for the caller's eyes.",
    }),
  ),
  created_at: timestamp('When.'),
})
export type CompletedAnalysis = DeepReadonly<Static<typeof CompletedAnalysis>>

export const AnalysisCompleted = message(
  'analysis.completed',
  'Chunks were analysed.',
  CompletedAnalysis,
)
export type AnalysisCompleted = EnvelopeOf<typeof AnalysisCompleted>

export const OptimizationSettled = message(
  'optimization.settled',
  'A suggestion was applied, or is to be ignored until the content changes.',
  Type.Object({ ...settled, settled_at: timestamp('When.') }),
)
export type OptimizationSettled = EnvelopeOf<typeof OptimizationSettled>

export type ChunkEvent = AnalysisCompleted | OptimizationSettled

/** A command that comes again says its event again, and the log drops the repeat. */
/**
 * Where ids of chunks are told apart: they are often counted anew in each document, so a document has
 * its own; all that was analysed alone or in a batch has one together.
 */
export const placeOf = ({ kind, name }: { readonly kind: AnalysisKind; readonly name: string }) =>
  kind === 'document' ? name : ''

export const chunkMessageId = {
  command: (type: string, requestId: string) => `${type}:${requestId}`,
  completed: (analysisId: string) => `analysis:${analysisId}`,
  settled: (commandId: string) => `settled:${commandId}`,
} as const
