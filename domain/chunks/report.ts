/**
 * What a whole document is like, and what is suggested for its chunks.
 *
 * Invariant: it is bounded, whatever the document: of what there may be thousands it has the first,
 * and how many there are.
 */
import { RELATED_MAX, type Cluster, type Finding } from '#events/chunks.ts'
import type {
  DocumentReport,
  ReportedCluster,
  ReportedSuggestion,
} from '#events/document-report.ts'
import type { Analysed, Analysis } from './analysis.ts'
import { outlineOf } from './outline.ts'
import { URGENCY } from './suggestions.ts'

const WORST = 10
const CLUSTERS_TOLD = 100
const SUGGESTIONS_TOLD = 100
/** Upper ends of the size classes, in tokens. */
const SIZES = [64, 128, 256, 400, 800, 2_048]

/** As much of an analysis as a report tells. */
export type Reported = Pick<Analysis, 'clusters' | 'truncated'> & {
  readonly chunks: readonly ReportedChunk[]
}

interface ReportedChunk extends Pick<Analysed, 'metrics' | 'tokens'> {
  /** The most urgent first. */
  readonly findings: readonly (Finding & { readonly id: string })[]
}

export function reportOf({ chunks, clusters, truncated }: Reported): DocumentReport {
  const tokensOf = new Map(chunks.map(({ metrics, tokens }) => [metrics.chunk_id, tokens]))
  const duplicates = clusters.flatMap((cluster) => cluster.duplicates)
  const findings = chunks.flatMap((chunk) => chunk.findings)
  const scores = chunks.map(({ metrics: { chunk_id, overall_score } }) => ({
    ...{ chunk_id, overall_score },
  }))
  const ascending = scores.toSorted(
    (a, b) => a.overall_score - b.overall_score || (a.chunk_id < b.chunk_id ? -1 : 1),
  )
  return {
    chunks: chunks.length,
    tokens: sum(chunks.map(({ tokens }) => tokens)),
    tokens_saved: sum(duplicates.map((id) => tokensOf.get(id) ?? 0)),
    duplicate_ratio: share(duplicates.length, chunks.length),
    mean_overall_score: share(sum(scores.map((score) => score.overall_score)), chunks.length),
    by_type: tally(findings.map(({ type }) => type)),
    by_priority: tally(findings.map(({ priority }) => priority)),
    sizes: [...SIZES, null].map((up_to, i) => ({
      up_to,
      chunks: chunks.filter(
        ({ tokens }) => tokens > (SIZES[i - 1] ?? -1) && tokens <= (up_to ?? Infinity),
      ).length,
    })),
    worst: ascending.slice(0, WORST),
    suggestions: mostUrgent(chunks).slice(0, SUGGESTIONS_TOLD).map(toldSuggestion),
    suggestions_total: findings.length,
    clusters: clusters
      .toSorted((a, b) => b.duplicates.length - a.duplicates.length)
      .slice(0, CLUSTERS_TOLD)
      .map(toldCluster),
    clusters_total: clusters.length,
    truncated,
  }
}

/** Of two that are as urgent, that of the worse chunk; then they stand in the order of the text. */
function mostUrgent(
  chunks: readonly ReportedChunk[],
): readonly ReportedChunk['findings'][number][] {
  return chunks
    .flatMap(({ findings, metrics: { overall_score } }) =>
      findings.map((finding) => ({ finding, overall_score, urgency: URGENCY[finding.priority] })),
    )
    .sort((a, b) => b.urgency - a.urgency || a.overall_score - b.overall_score)
    .map(({ finding }) => finding)
}

function toldSuggestion({
  plan,
  ...finding
}: ReportedChunk['findings'][number]): ReportedSuggestion {
  const { id, chunk_id, type, priority, title, suggested_action } = finding
  return {
    ...{ id, chunk_id, type, priority, title, suggested_action },
    ...(plan !== undefined && { outline: outlineOf(plan) }),
  }
}

const toldCluster = ({ keeper, duplicates }: Cluster): ReportedCluster => ({
  keeper,
  duplicates: duplicates.slice(0, RELATED_MAX),
  duplicates_total: duplicates.length,
})

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)

const share = (part: number, whole: number) =>
  whole === 0 ? 0 : Math.round((part / whole) * 1e6) / 1e6

function tally<Key extends string>(keys: readonly Key[]): Partial<Record<Key, number>> {
  const counts: Partial<Record<Key, number>> = {}
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1
  return counts
}
