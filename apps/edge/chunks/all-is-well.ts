/**
 * What is answered of a chunk by itself or in a batch: at least one suggestion, if only that nothing
 * is to be done. Events and read models have no use for that one.
 */
import { nothingToDo } from '#domain/chunks/suggestions.ts'
import type { AnalysedChunk, CompletedAnalysis, Optimization } from '#events/analyses.ts'
import { optimizationId } from '#events/optimization-id.ts'

export interface Suggestions {
  /** The first of them. */
  readonly optimization: Optimization
  readonly optimizations: readonly Optimization[]
}

export function suggestionsFor(
  { content_hash, metrics: { chunk_id }, optimizations }: AnalysedChunk,
  analysis: Pick<CompletedAnalysis, 'owner' | 'kind' | 'name' | 'created_at'>,
): Suggestions {
  const [first] = optimizations
  if (first !== undefined) return { optimization: first, optimizations }
  const well: Optimization = {
    id: optimizationId(analysis, chunk_id, content_hash, 'info'),
    ...nothingToDo(chunk_id),
    created_at: analysis.created_at,
    // There is nothing to be done: it has been.
    status: 'applied',
  }
  return { optimization: well, optimizations: [well] }
}
