/**
 * The options of an analysis as they are in force: what a call says, and our own for the rest.
 *
 * Invariants:
 * 1. Options that are in force stay what they are when they come here again.
 * 2. What comes out can be computed with: something weighs, and sizes rise. Else `Problem`, which
 *    names the field. That each is of its type and range is the surfaces' to see.
 */
import { ANALYSIS_OPTIONS, type AnalysisOptions } from '#events/chunks.ts'
import { PART_MIN } from './split-plan.ts'
import { Problem } from '../problem.ts'

/**
 * Of the formulas, and of every figure in them that no option sets. A new one whenever the same chunk
 * with the same options would score otherwise: so an old score can be told from a new one.
 */
export const PROFILE_VERSION = '1'

type Groups = 'weights' | 'thresholds' | 'target_tokens'

export type GivenOptions = Partial<Omit<AnalysisOptions, Groups>> & {
  readonly [Group in Groups]?: Partial<AnalysisOptions[Group]>
}

export function optionsInForce(given: GivenOptions = {}): AnalysisOptions {
  const weights = { ...ANALYSIS_OPTIONS.weights, ...given.weights }
  const thresholds = { ...ANALYSIS_OPTIONS.thresholds, ...given.thresholds }
  const target_tokens = { ...ANALYSIS_OPTIONS.target_tokens, ...given.target_tokens }
  requireWeight(weights)
  requireRising(target_tokens)
  requireComparable(given)
  return { ...ANALYSIS_OPTIONS, ...given, weights, thresholds, target_tokens }
}

function requireWeight(weights: AnalysisOptions['weights']): void {
  if (Object.values(weights).some((weight) => weight > 0)) return
  throw impossible('weights', 'positive', 'must have one that is more than 0')
}

function requireRising({ min, low, high, max }: AnalysisOptions['target_tokens']): void {
  const field = 'target_tokens'
  if (low <= min) throw impossible(`${field}.low`, 'minimum', `must be more than min (${min})`)
  if (high < low) throw impossible(`${field}.high`, 'minimum', `must not be less than low (${low})`)
  if (max <= high) throw impossible(`${field}.max`, 'minimum', `must be more than high (${high})`)
  if (high >= PART_MIN) return
  throw impossible(`${field}.high`, 'minimum', `must not be less than ${PART_MIN}`)
}

/** How similar chunks of a corpus are is told by their single tokens alone. */
function requireComparable({ scope, shingle_size = 1 }: GivenOptions): void {
  if (scope !== 'corpus' || shingle_size === 1) return
  throw impossible('shingle_size', 'maximum', 'must be 1 where the scope is corpus')
}

const impossible = (name: string, constraint: string, sentence: string) =>
  new Problem('VALIDATION_FAILED', `options.${name} ${sentence}`, {
    ...{ field: `options.${name}`, constraint },
  })
