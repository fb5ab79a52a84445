/**
 * What a whole document is like, for people (Markdown) and for programs (the figures themselves).
 */
import { RELATED_MAX, type Cluster } from '#events/chunks.ts'
import type { DocumentReport, ReportedCluster } from '#events/document-report.ts'
import type { Analysed, Analysis } from './analysis.ts'

const WORST = 10
const CLUSTERS_TOLD = 100
/** Upper ends of the size classes, in tokens. */
const SIZES = [64, 128, 256, 400, 800, 2_048]

/** As much of an analysis as a report tells. */
export type Reported = Pick<Analysis, 'clusters' | 'truncated'> & {
  readonly chunks: readonly Pick<Analysed, 'metrics' | 'findings' | 'tokens'>[]
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
    clusters: clusters
      .toSorted((a, b) => b.duplicates.length - a.duplicates.length)
      .slice(0, CLUSTERS_TOLD)
      .map(toldCluster),
    clusters_total: clusters.length,
    truncated,
  }
}

export function markdownOf(title: string, report: DocumentReport): string {
  const { chunks, tokens, tokens_saved, duplicate_ratio, mean_overall_score } = report
  const lines = [
    `# Chunk report: ${plain(title)}`,
    '',
    `${chunks} chunks, about ${tokens} tokens; mean overall score ${mean_overall_score}.`,
    `Duplicates: ${percent(duplicate_ratio)} of the chunks, about ${tokens_saved} tokens.`,
    ...(report.truncated ? ['Not all similar pairs were looked at: there are too many.'] : []),
    ...table('Suggestions', ['Type', 'Count'], Object.entries(report.by_type)),
    ...table(
      'Sizes',
      ['Tokens up to', 'Chunks'],
      report.sizes.map(({ up_to, chunks: count }) => [up_to ?? 'more', count]),
    ),
    ...table(
      'Lowest overall scores',
      ['Chunk', 'Score'],
      report.worst.map(({ chunk_id, overall_score }) => [chunk_id, overall_score]),
    ),
    ...table(
      'Duplicates',
      ['Keep', 'Remove'],
      report.clusters.map((cluster) => [cluster.keeper, namesOf(cluster)]),
    ),
    ...(report.clusters.length < report.clusters_total
      ? ['', `These are the largest of ${report.clusters_total} groups.`]
      : []),
  ]
  return `${lines.join('\n')}\n`
}

const toldCluster = ({ keeper, duplicates }: Cluster): ReportedCluster => ({
  keeper,
  duplicates: duplicates.slice(0, RELATED_MAX),
  duplicates_total: duplicates.length,
})

function namesOf({ duplicates, duplicates_total }: ReportedCluster): string {
  const more = duplicates_total - duplicates.length
  return `${duplicates.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function table(
  title: string,
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] {
  if (rows.length === 0) return []
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => plain(String(cell))).join(' | ')} |`
  return ['', `## ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)]
}

/** Ids are the caller's own text: no markup of theirs is markup of the report. */
const plain = (text: string) => text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_~&[\]<>|#]/g, '\\$&')

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)

const share = (part: number, whole: number) =>
  whole === 0 ? 0 : Math.round((part / whole) * 1e6) / 1e6

const percent = (ratio: number) => `${Math.round(ratio * 1_000) / 10} %`

function tally<Key extends string>(keys: readonly Key[]): Partial<Record<Key, number>> {
  const counts: Partial<Record<Key, number>> = {}
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1
  return counts
}
