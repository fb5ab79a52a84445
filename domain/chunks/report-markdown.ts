/**
 * The report of a document for people, in Markdown.
 *
 * Invariant: what comes from the caller stays in its cell, as it was written.
 */
import type { DocumentReport, ReportedCluster } from '#events/document-report.ts'

export function markdownOf(title: string, report: DocumentReport): string {
  const { chunks, tokens, tokens_saved, duplicate_ratio, mean_overall_score } = report
  const lines = [
    `# Chunk report: ${plain(title)}`,
    '',
    `${chunks} chunks, about ${tokens} tokens; mean overall score ${mean_overall_score}.`,
    `Duplicates: ${percent(duplicate_ratio)} of the chunks, about ${tokens_saved} tokens.`,
    ...(report.truncated ? ['Not all similar pairs were looked at: there are too many.'] : []),
    ...table('Suggestions', ['Type', 'Count'], Object.entries(report.by_type)),
    ...whatToDo(report),
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

function whatToDo({ suggestions = [], suggestions_total = 0 }: DocumentReport): string[] {
  const more = suggestions_total - suggestions.length
  return [
    ...table(
      'What to do',
      ['Chunk', 'Priority', 'Suggestion', 'Action', 'Plan'],
      suggestions.map(({ chunk_id, priority, title, suggested_action, outline = '' }) => [
        ...[chunk_id, priority, title, suggested_action, outline],
      ]),
    ),
    ...(more > 0 ? ['', `There are ${more} more.`] : []),
  ]
}

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

/**
 * Ids are the caller's own text: no markup of theirs is markup of the report, nor is an address that
 * many readers take for a link.
 */
const plain = (text: string) =>
  text.replace(/[\r\n]+/g, ' ').replace(/[\\`*_~&[\]<>|#:@$]|(?<=www)\./gi, '\\$&')

const percent = (ratio: number) => `${Math.round(ratio * 1_000) / 10} %`
