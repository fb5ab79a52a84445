/**
 * size_score: whether a chunk is neither a scrap nor a heap.
 *
 *   t < low: (t − min) / (low − min) · low … high: 1
 *   up to max: 1 − log2(t / high) / log2(max / high) · beyond: 0
 *
 * with t estimated tokens (`token-estimate.ts`), min 0, low 64, high 400 and max 2048 unless the
 * call says otherwise (`target_tokens`). Range 0 … 1, more is better, blank is 0.
 * Source: Chroma's evaluation of chunking (200 to 400 tokens retrieve best), set so that 51 tokens
 * score 0.80.
 */

import type { TargetTokens } from '#events/chunks.ts'

export function sizeScore(tokens: number, { min, low, high, max }: TargetTokens): number {
  if (tokens < low) return Math.max(0, (tokens - min) / (low - min))
  if (tokens <= high) return 1
  if (tokens >= max) return 0
  return 1 - Math.log2(tokens / high) / Math.log2(max / high)
}
