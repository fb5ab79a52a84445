/**
 * overall_score: how well a chunk will do, and no better than its worst side lets it.
 *
 *   g = (quality, 1 − redundancy, size, 1 − similarity)
 *   overall = (7 · (w1·g1 + w2·g2 + w3·g3 + w4·g4) / Σw + 9 · min(g)) / 16
 *
 * with the weights .4, .3, .2 and .1 unless the call says otherwise.
 *
 * Range 0 … 1, more is better, rises with each part; all parts perfect: 1; blank: 0. What is not
 * checked or weighs nothing drops out of the sum, whose other weights are scaled up, and out of the
 * minimum.
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

type Sides = Pick<
  AnalysisOptions,
  'check_quality' | 'check_redundancy' | 'check_size' | 'check_similarity' | 'weights'
>

const SUM_SHARE = 7 / 16

export function overallScore(scores: Scores, options: Sides): number {
  const { weights: w } = options
  const sides: readonly (readonly [checked: boolean, weight: number, goodness: number])[] = [
    [options.check_quality, w.quality, scores.quality],
    [options.check_redundancy, w.redundancy, 1 - scores.redundancy],
    [options.check_size, w.size, scores.size],
    [options.check_similarity, w.similarity, 1 - scores.similarity],
  ]
  let weights = 0
  let sum = 0
  let worst = 1
  for (const [checked, weight, goodness] of sides) {
    if (!checked || weight === 0) continue
    weights += weight
    sum += weight * goodness
    worst = Math.min(worst, goodness)
  }
  // Nothing was looked at, so nothing was found wanting.
  if (weights === 0) return 1
  return SUM_SHARE * (sum / weights) + (1 - SUM_SHARE) * worst
}
