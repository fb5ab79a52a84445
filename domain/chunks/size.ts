/**
 * size_score: whether a chunk is neither a scrap nor a heap.
 *
 *   t < 64: t / 64 · 64 … 400: 1 · up to 2048: 1 − log2(t / 400) / log2(2048 / 400) · beyond: 0
 *
 * with t estimated tokens (`token-estimate.ts`). Range 0 … 1, more is better, blank is 0.
 * Source: Chroma's evaluation of chunking (200 to 400 tokens retrieve best), set so that 51 tokens
 * score 0.80.
 */

export const TOKENS_LOW = 64
export const TOKENS_HIGH = 400
const TOKENS_MAX = 2_048

export function sizeScore(tokens: number): number {
  if (tokens < TOKENS_LOW) return tokens / TOKENS_LOW
  if (tokens <= TOKENS_HIGH) return 1
  if (tokens >= TOKENS_MAX) return 0
  return 1 - Math.log2(tokens / TOKENS_HIGH) / Math.log2(TOKENS_MAX / TOKENS_HIGH)
}
