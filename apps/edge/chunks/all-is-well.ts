/**
 * What is answered of a chunk by itself or in a batch: at least one suggestion, if only that nothing
 * is to be done. Events and read models have no use for that one.
 */
import { nothingToDo } from '#domain/chunks/suggestions.ts'
import type { AnalysedChunk, CompletedAnalysis, Optimization } from '#events/analyses.ts'
import { optimizationId } from '#events/optimization-id.ts'

export function suggestionsFor(
  { content_hash, metrics: { chunk_id }, optimizations }: AnalysedChunk,
  analysis: Pick<CompletedAnalysis, 'owner' | 'kind' | 'name' | 'created_at'>,
): readonly [Optimization, ...Optimization[]] {
  const [first, ...others] = optimizations
  if (first !== undefined) return [first, ...others]
  return [
    {
      id: optimizationId(analysis, chunk_id, content_hash, 'info'),
      ...nothingToDo(chunk_id),
      created_at: analysis.created_at,
      // There is nothing to be done: it has been.
      status: 'applied',
    },
  ]
}
