/**
 * The report of a document for people, in Markdown.
 *
 * Invariant: what comes from the caller stays in its cell, as it was written: it is in code, where
 * readers look neither for markup nor for addresses that they make links of.
 */
import type {
  DocumentReport,
  ReportedCluster,
  ReportedSuggestion,
} from '#events/document-report.ts'

export function markdownOf(title: string, report: DocumentReport): string {
  const { chunks, tokens, tokens_saved, duplicate_ratio, mean_overall_score } = report
  const lines = [
    `# Chunk report: ${code(title)}`,
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
      report.worst.map(({ chunk_id, overall_score }) => [code(chunk_id), overall_score]),
    ),
    ...table(
      'Duplicates',
      ['Keep', 'Remove'],
      report.clusters.map((cluster) => [code(cluster.keeper), namesOf(cluster)]),
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
      byChunk(suggestions).map(({ chunk_id, priority, title, suggested_action, outline }) => [
        ...[code(chunk_id), priority, title, suggested_action],
        outline === undefined ? '' : code(outline),
      ]),
    ),
    ...(more > 0 ? ['', `There are ${more} more.`] : []),
  ]
}

/** What is to be done about one chunk is read together, after the most urgent of it. */
const byChunk = (suggestions: readonly ReportedSuggestion[]) =>
  [...Map.groupBy(suggestions, ({ chunk_id }) => chunk_id).values()].flat()

function namesOf({ duplicates, duplicates_total }: ReportedCluster): string {
  const more = duplicates_total - duplicates.length
  return `${duplicates.map(code).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function table(
  title: string,
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] {
  if (rows.length === 0) return []
  const line = (cells: readonly (string | number)[]) => `| ${cells.map(inCell).join(' | ')} |`
  return ['', `## ${title}`, '', line(head), line(head.map(() => '---')), ...rows.map(line)]
}

/** A fence is longer than any within; of spaces at both ends readers take one away. */
function code(text: string): string {
  const line = text.replace(/[\r\n]+/g, ' ').replace(/\p{Cc}/gu, '\uFFFD')
  const longest = Math.max(0, ...(line.match(/`+/g) ?? []).map(({ length }) => length))
  const fence = '`'.repeat(longest + 1)
  const edge = /^$|^`|`$|^ .*[^ ].* $/.test(line) ? ' ' : ''
  return `${fence}${edge}${line}${edge}${fence}`
}

/** A table is parted before its code is read. A backslash is paired with the next one first. */
const inCell = (markdown: string | number) =>
  String(markdown).replace(
    /(\\*)\|/g,
    (_, before: string) => `${before}${before.length % 2 === 1 ? '\\' : ''}\\|`,
  )

const percent = (ratio: number) => `${Math.round(ratio * 1_000) / 10} %`
