/**
 * overall_score: how well a chunk will do, and no better than its worst side lets it.
 *
 *   g = (quality, 1 − redundancy, size, 1 − similarity)
 *   overall = (7 · (.4·g1 + .3·g2 + .2·g3 + .1·g4) + 9 · min(g)) / 16
 *
 * Range 0 … 1, more is better, rises with each part; all parts perfect: 1; blank: 0. What is not
 * checked drops out of the sum, whose weights are scaled up, and out of the minimum.
 * Source: the weights of the document's sibling on algorithms, and the document's own example
 * (.55, .2, .8, .1 → .62), which this formula gives exactly.
 */
import type { AnalysisOptions } from '#events/chunks.ts'

export interface Scores {
  readonly quality: number
  readonly redundancy: number
  readonly size: number
  readonly similarity: number
}

type Checks = Pick<
  AnalysisOptions,
  'check_quality' | 'check_redundancy' | 'check_size' | 'check_similarity'
>

const SUM_SHARE = 7 / 16

export function overallScore(scores: Scores, checks: Checks): number {
  const sides: readonly (readonly [checked: boolean, weight: number, goodness: number])[] = [
    [checks.check_quality, 0.4, scores.quality],
    [checks.check_redundancy, 0.3, 1 - scores.redundancy],
    [checks.check_size, 0.2, scores.size],
    [checks.check_similarity, 0.1, 1 - scores.similarity],
  ]
  let weights = 0
  let sum = 0
  let worst = 1
  for (const [checked, weight, goodness] of sides) {
    if (!checked) continue
    weights += weight
    sum += weight * goodness
    worst = Math.min(worst, goodness)
  }
  // Nothing was looked at, so nothing was found wanting.
  if (weights === 0) return 1
  return SUM_SHARE * (sum / weights) + (1 - SUM_SHARE) * worst
}
