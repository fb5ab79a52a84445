/**
 * A chunk, a document or a batch, analysed: `(chunks, options, corpus) → metrics, findings, clusters`.
 *
 * Invariants:
 * 1. The same chunks with the same options and the same corpus give the same analysis, on every
 *    machine.
 * 2. What is told of a chunk stands in the place of the chunk: by index, since ids may come twice.
 * 3. The time is bounded: linear in the text but for the join and the corpus, each of which has a
 *    budget; if one ran out, `truncated` says so.
 */
import {
  RELATED_MAX,
  type AnalysisOptions,
  type Chunk,
  type Cluster,
  type Elsewhere,
  type Finding,
  type Metrics,
  type Plan,
} from '#events/chunks.ts'
import { clustersOf, type Candidate } from './clusters.ts'
import { findElsewhere, stepsTo, type CorpusChunk, type FoundElsewhere } from './corpus.ts'
import { mergePlans, type Merge } from './merge-plan.ts'
import { overallScore, type Scores } from './overall.ts'
import { qualityOf, type Quality } from './quality.ts'
import { layOut } from './laid-out.ts'
import { findRedundancy, type Redundant } from './redundancy.ts'
import { shingled } from './shingles.ts'
import { runningLines, together } from './running-lines.ts'
import { kindsOf } from './script.ts'
import { rounded } from './similarity.ts'
import { sizeScore } from './size.ts'
import { PART_MIN, splitPlan } from './split-plan.ts'
import { findingsOf } from './suggestions.ts'
import { estimateTokens } from './token-estimate.ts'
import { tokenize, type Tokens } from './tokens.ts'
import { trimsOf, type IndexedSpan } from './trims.ts'
import { findTwins, relatedBy, STEPS_BUDGET, type Related, type Twins } from './twins.ts'
import { Vocabulary } from './vocabulary.ts'
import { wholeSentences } from './whole-sentences.ts'
import { placesOf } from './windows.ts'

export interface Analysed {
  readonly metrics: Metrics
  /** The most urgent first; empty: all is well. */
  readonly findings: readonly Finding[]
  readonly tokens: number
  readonly quality: Quality
  /** What a fingerprint is made of (`fingerprint.ts`). */
  readonly read: Tokens
}

export interface Analysis {
  readonly chunks: readonly Analysed[]
  readonly clusters: readonly Cluster[]
  /** Similarities below it are told as 0. */
  readonly similarity_floor: number
  readonly truncated: boolean
  readonly vocabulary: Vocabulary
}

interface Read {
  readonly chunk: Chunk
  readonly tokens: Tokens
  readonly estimate: number
  readonly quality: Quality
}

/** Of each chunk, those of other documents that may be like it or share a passage with it. */
export type Corpus = readonly (readonly CorpusChunk[])[]

export function analyse(
  chunks: readonly Chunk[],
  options: AnalysisOptions,
  corpus?: Corpus,
  budget = STEPS_BUDGET,
): Analysis {
  const vocabulary = new Vocabulary()
  const texts = chunks.map((chunk): Read => {
    const { content } = chunk
    const kinds = kindsOf(content)
    const tokens = tokenize(content, vocabulary, kinds)
    const quality = qualityOf(content, kinds, tokens)
    return { chunk, tokens, quality, estimate: estimateTokens(content, kinds) }
  })
  const read = texts.map(({ tokens }) => tokens)
  const compared = options.check_similarity ? read : []
  const { sets, vocabulary: size } = shingled(compared, vocabulary.size, options.shingle_size)
  const twins = findTwins(sets, size, options.similarity_threshold, budget)
  const places = options.ignore_adjacent_overlap ? placesOf(chunks) : undefined
  let left = budget
  const elsewhere = corpus?.map((near, index) => {
    const own = read[index] as Tokens
    const looked = near.filter((one) => left > 0 && (left -= stepsTo(own, one)) > 0)
    return findElsewhere(own, vocabulary, looked, options.similarity_threshold)
  })
  const foreign = elsewhere?.map(({ covered }) => covered)
  const { clusters, removed } = clustersOf(twins, texts.map(candidateOf))
  const laid = layOut(options.check_redundancy ? read : [], places)
  const redundancy = findRedundancy(laid, foreign)
  const running = runningLines(options.check_redundancy ? chunks : [], removed)
  /** Few documents have a chunk that is told what to cut. */
  let trims: ReturnType<typeof trimsOf> | undefined
  const trimsAt = (index: number) => (trims ??= trimsOf(laid, running, removed))[index] ?? []
  const merges = options.check_size ? mergesById(texts, options) : new Map<string, Merge>()
  const idOf = (index: number) => texts[index]?.chunk.chunk_id ?? ''
  const related = relatedBy(twins, idOf, RELATED_MAX)
  const contentOf = (index: number) => chunks[index]?.content ?? ''
  const context = {
    ...{ twins, redundancy, trimsAt, running: running.cut, merges, options },
    ...{ idOf, contentOf, related },
  }
  const analysed = texts.map((text, index) =>
    analysedChunk(text, index, context, elsewhere?.[index]),
  )
  return {
    chunks: analysed,
    clusters,
    similarity_floor: twins.floor,
    truncated: twins.truncated || left <= 0,
    vocabulary,
  }
}

interface Context {
  readonly twins: Twins
  readonly related: (index: number) => Related
  readonly idOf: (index: number) => string
  readonly contentOf: (index: number) => string
  readonly redundancy: readonly Redundant[]
  readonly trimsAt: (index: number) => readonly IndexedSpan[]
  readonly running: ReadonlyMap<number, readonly IndexedSpan[]>
  readonly merges: ReadonlyMap<string, Merge>
  readonly options: AnalysisOptions
}

function analysedChunk(
  text: Read,
  index: number,
  context: Context,
  elsewhere: FoundElsewhere | undefined,
): Analysed {
  const { chunk, estimate, quality } = text
  const { chunk_id } = chunk
  const { twins, merges, options, idOf } = context
  const redundant = context.redundancy[index]
  const running = context.running.get(index) ?? []
  const scores: Scores = {
    quality: quality.score,
    redundancy: redundant?.score ?? 0,
    size: sizeScore(estimate, options.target_tokens),
    similarity: options.check_similarity
      ? Math.max(twins.nearest[index] ?? 0, elsewhere?.similarity ?? 0)
      : 0,
  }
  const merge = merges.get(chunk_id)
  const findings = findingsOf(
    {
      ...{ chunk_id, scores, quality, tokens: estimate },
      merge: merge && { action: 'merge', ...merge },
      twins: () => withElsewhere(context.related(index), elsewhere?.twins),
      sharers: () => withElsewhere(sharersOf(redundant, idOf), elsewhere?.sharers),
      split: () => splitOf(chunk, options),
      trim: () => {
        const trims = wholeSentences(context.trimsAt(index), index, context.contentOf)
        return trimOf(together(running, trims), idOf)
      },
      running: running.length === 0 ? undefined : trimOf(running, idOf),
    },
    options,
  )
  // A blank chunk is nothing, whatever its other sides are like.
  const overall = estimate === 0 ? 0 : overallScore(scores, options)
  const metrics: Metrics = {
    chunk_id,
    quality_score: rounded(scores.quality),
    redundancy_score: rounded(scores.redundancy),
    size_score: rounded(scores.size),
    similarity_score: rounded(scores.similarity),
    overall_score: rounded(overall),
  }
  return { metrics, findings, tokens: estimate, quality, read: text.tokens }
}

/** A merge is told with each of its chunks. */
function mergesById(
  texts: readonly Read[],
  { target_tokens }: AnalysisOptions,
): ReadonlyMap<string, Merge> {
  const mergeable = texts.map(({ chunk, estimate }) => ({ ...chunk, tokens: estimate }))
  const merges = mergePlans(mergeable, target_tokens)
  return new Map(merges.flatMap((merge) => merge.chunk_ids.map((id) => [id, merge] as const)))
}

function sharersOf(redundant: Redundant | undefined, idOf: (index: number) => string): Related {
  const sharers = redundant?.sharers ?? []
  return { ids: sharers.slice(0, RELATED_MAX).map(idOf), total: sharers.length }
}

/** Chunks of the same analysis first. */
function withElsewhere(own: Related, elsewhere: readonly Elsewhere[] = []): Related {
  const told = elsewhere.slice(0, RELATED_MAX - own.ids.length)
  if (told.length === 0) return { ...own, total: own.total + elsewhere.length }
  return {
    ids: [...own.ids, ...told.map(({ chunk_id }) => chunk_id)],
    total: own.total + elsewhere.length,
    elsewhere: told,
  }
}

/** No part is too large for the model either, as far as it reads anything worth a part. */
function splitOf(
  { content }: Chunk,
  { target_tokens: { low, high }, max_embedding_tokens: limit = high }: AnalysisOptions,
): Extract<Plan, { action: 'split' }> | undefined {
  const most = Math.max(PART_MIN, Math.min(high, limit))
  const parts = splitPlan(content, { low: Math.min(low, most), high: most })
  return parts.length > 1 ? { action: 'split', parts } : undefined
}

function trimOf(
  found: readonly IndexedSpan[],
  idOf: (index: number) => string,
): Extract<Plan, { action: 'trim' }> | undefined {
  const spans = found.map(({ start, end, keptIn }) => ({
    ...{ start, end },
    kept_in: idOf(keptIn),
  }))
  return spans.length > 0 ? { action: 'trim', spans } : undefined
}

const candidateOf = ({ chunk, estimate, quality }: Read): Candidate => ({
  ...{ chunk_id: chunk.chunk_id, quality: quality.score, length: estimate },
})
