/**
 * What to do about a chunk, from its scores: the document's issues with its own words, priorities
 * and order. A chunk that needs nothing gets one that says so.
 *
 *   quality     < t = .6        high below ⅔ t (.4), else medium
 *   redundancy  > t = .5        high above t + .4 · (1 − t) (.7), else medium; low if nothing but a
 *                               header or footer that runs through the pages can go
 *   similarity  ≥ t = .85       high from .95, else medium
 *   size        < t = .5        medium below .4 · t (.2), else low; high if a model would not see its end
 *
 * The thresholds t are the call's. A copy is a copy: from .95 on no threshold makes it less urgent.
 *
 * Invariant: the exact score decides; what is told of it never contradicts the decision.
 */
import {
  ANALYSIS_OPTIONS,
  RELATED_MAX,
  type AnalysisOptions,
  type Finding,
  type OptimizationType,
  type Plan,
  type Priority,
  type Thresholds,
} from '#events/chunks.ts'
import type { Scores } from './overall.ts'
import type { Quality } from './quality.ts'
import type { Related } from './twins.ts'

/** The document's words for its own thresholds; a caller's are not what we recommend. */
const toldOf = (name: keyof Thresholds, threshold: number) =>
  `the ${threshold === ANALYSIS_OPTIONS.thresholds[name] ? 'recommended ' : ''}threshold of ${threshold}`

export interface Observed {
  readonly chunk_id: string
  readonly scores: Scores
  readonly quality: Quality
  readonly tokens: number
  /** Asked for only where they are told. */
  readonly twins: () => Related
  readonly sharers: () => Related
  readonly merge: Extract<Plan, { action: 'merge' }> | undefined
  readonly split: () => Extract<Plan, { action: 'split' }> | undefined
  readonly trim: () => Extract<Plan, { action: 'trim' }> | undefined
  /** Headers and footers, by themselves. */
  readonly running: Extract<Plan, { action: 'trim' }> | undefined
}

/** The most urgent first. Empty only where there is nothing to do. */
export function findingsOf(observed: Observed, options: AnalysisOptions): readonly Finding[] {
  const found = [
    options.check_quality ? qualityFinding(observed, options) : undefined,
    options.check_redundancy ? redundancyFinding(observed, options) : undefined,
    options.check_similarity ? similarityFinding(observed, options) : undefined,
    options.check_size ? sizeFinding(observed, options) : undefined,
  ]
  // The sort is stable: equal priorities stay in the order above.
  return found
    .filter((finding) => finding !== undefined)
    .sort((a, b) => URGENCY[b.priority] - URGENCY[a.priority])
}

export const URGENCY: Readonly<Record<Priority, number>> = { low: 0, medium: 1, high: 2 }

export function nothingToDo(chunk_id: string): Finding {
  return finding(chunk_id, 'info', 'low', {
    title: 'No optimization needed',
    description: 'Nothing that was checked calls for a change, unless it was ignored',
    suggested_action: 'Keep the chunk as it is',
  })
}

function qualityFinding(
  { chunk_id, scores, quality }: Observed,
  { thresholds: { quality: threshold } }: AnalysisOptions,
): Finding | undefined {
  const score = scores.quality
  if (score >= threshold) return undefined
  return finding(chunk_id, 'quality', score < (threshold * 2) / 3 ? 'high' : 'medium', {
    title: 'Chunk quality needs improvement',
    description: `Quality score is ${told(score, threshold)}, which is below ${toldOf('quality', threshold)}`,
    suggested_action: REMEDIES[worstTerm(quality)],
  })
}

const TERMS = ['boundaries', 'cleanliness', 'shape', 'richness', 'independence'] as const
type Term = (typeof TERMS)[number]

const REMEDIES: Readonly<Record<Term | 'several', string>> = {
  several: 'Review and rewrite the chunk to improve clarity, coherence, and completeness',
  boundaries: 'Review and rewrite the chunk to begin and end with whole sentences',
  cleanliness: 'Review the extraction and remove debris such as broken characters and boilerplate',
  shape: 'Review and rewrite the chunk to consist of ordinary sentences or lines',
  richness: 'Review and rewrite the chunk to say more than a few repeated words',
  independence: 'Review and rewrite the chunk to name what it refers to',
}

/** The one term that is far worse than the others, if there is one. */
function worstTerm(quality: Quality): Term | 'several' {
  const ordered = TERMS.map((term) => [term, quality[term]] as const).sort(([, a], [, b]) => a - b)
  const [worst, second] = ordered
  return worst !== undefined && second !== undefined && second[1] - worst[1] > 0.35
    ? worst[0]
    : 'several'
}

function redundancyFinding(
  { chunk_id, scores, sharers, trim, running }: Observed,
  { thresholds: { redundancy: threshold } }: AnalysisOptions,
): Finding | undefined {
  const score = scores.redundancy
  if (score <= threshold) return running && runningFinding(chunk_id, running)
  const isMost = score > threshold + 0.4 * (1 - threshold)
  return finding(chunk_id, 'redundancy', isMost ? 'high' : 'medium', {
    title: 'Chunk contains redundant content',
    description: `Redundancy score is ${told(score, threshold)}, which is above ${toldOf('redundancy', threshold)}`,
    suggested_action: 'Remove what is repeated or stands in another chunk',
    ...relatedTo(sharers()),
    ...planned(trim()),
  })
}

function runningFinding(chunk_id: string, plan: Extract<Plan, { action: 'trim' }>): Finding {
  const count = plan.spans.length
  return finding(chunk_id, 'redundancy', 'low', {
    title: 'Chunk repeats a running header or footer',
    description: `${count} of its lines ${count === 1 ? 'stands' : 'stand'} on at least half of the pages of its source`,
    suggested_action: 'Remove the header and footer lines of the pages',
    related_chunks: [...new Set(plan.spans.map(({ kept_in }) => kept_in))].slice(0, RELATED_MAX),
    plan,
  })
}

function similarityFinding(
  { chunk_id, scores, twins }: Observed,
  { similarity_threshold: threshold }: AnalysisOptions,
): Finding | undefined {
  const score = scores.similarity
  if (score === 0 || score < threshold - 1e-9) return undefined
  return finding(chunk_id, 'similarity', score >= 0.95 ? 'high' : 'medium', {
    title: 'Chunk is similar to other chunks',
    description: `Similarity score is ${told(score, threshold)}, which reaches the threshold of ${threshold}`,
    suggested_action: 'Keep one of the similar chunks and remove or merge the others',
    ...relatedTo(twins()),
  })
}

function sizeFinding(
  { chunk_id, scores, tokens, merge, split }: Observed,
  { max_embedding_tokens: limit, thresholds, target_tokens: { high } }: AnalysisOptions,
): Finding | undefined {
  const score = scores.size
  const isCutOff = limit !== undefined && tokens > limit
  const threshold = thresholds.size
  if (score >= threshold && !isCutOff) return undefined
  const isLarge = isCutOff || tokens > high
  const partners = merge?.chunk_ids.filter((id) => id !== chunk_id) ?? []
  return finding(chunk_id, 'size', isCutOff ? 'high' : score < 0.4 * threshold ? 'medium' : 'low', {
    title: isLarge ? 'Chunk is too large' : 'Chunk is too small',
    description: isCutOff
      ? `The chunk has about ${tokens} tokens, and the embedding model reads ${limit}`
      : `Size score is ${told(score, threshold)} at about ${tokens} tokens, which is below ${toldOf('size', threshold)}`,
    suggested_action: isLarge
      ? 'Split the chunk at its headings, paragraphs or sentences'
      : 'Merge the chunk with a neighbour or extend it',
    ...(isLarge ? planned(split()) : { related_chunks: partners, ...planned(merge) }),
  })
}

type Words = Pick<Finding, 'title' | 'description' | 'suggested_action'> &
  Partial<Pick<Finding, 'related_chunks' | 'related_total' | 'related' | 'plan'>>

function finding(
  chunk_id: string,
  type: OptimizationType,
  priority: Priority,
  words: Words,
): Finding {
  return { chunk_id, type, priority, related_chunks: [], ...words }
}

const relatedTo = ({ ids, total, elsewhere }: Related) => ({
  ...{ related_chunks: ids, related_total: total },
  ...(elsewhere !== undefined && { related: elsewhere }),
})

const planned = (plan: Plan | undefined) => (plan === undefined ? {} : { plan })

/** With as many digits as it takes to be told from the limit, and two at least. */
export function told(score: number, limit: number): string {
  for (let digits = 2; digits < 9; digits++) {
    const text = score.toFixed(digits)
    if (Number(text) !== limit || score === limit) return text
  }
  return String(score)
}
