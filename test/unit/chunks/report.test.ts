/** What is told of a whole document, for programs and for people. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsers } from 'prettier/plugins/markdown'
import { analyse, type Analysis } from '#domain/chunks/analysis.ts'
import { reportOf } from '#domain/chunks/report.ts'
import { markdownOf } from '#domain/chunks/report-markdown.ts'
import { ANALYSIS_OPTIONS, type Chunk } from '#events/chunks.ts'
import { WHOLE } from './texts.ts'

const chunk = (chunk_id: string, content: string): Chunk => ({ chunk_id, content })
const long = `${WHOLE.english} ${WHOLE.list} ${WHOLE.code}`

/** With ids, which are not the domain's to give. */
const reported = ({ chunks, ...whole }: Pick<Analysis, 'chunks' | 'clusters' | 'truncated'>) =>
  reportOf({
    ...whole,
    chunks: chunks.map(({ findings, ...rest }) => ({
      ...rest,
      findings: findings.map((finding) => ({
        id: `${finding.chunk_id} ${finding.type}`,
        ...finding,
      })),
    })),
  })

interface Node {
  readonly type: string
  readonly value?: string
  readonly children?: readonly Node[]
}

/** As a reader of Markdown takes it. */
const read = (markdown: string) => parsers.markdown.parse(markdown, {} as never) as Node
const textOf = ({ value, children = [] }: Node): string => value ?? children.map(textOf).join('')
const kindsIn = ({ type, children = [] }: Node): ReadonlySet<string> =>
  new Set([type, ...children.flatMap((child) => [...kindsIn(child)])])

/** Of what a report is made. */
const PLAIN = new Set([
  ...['root', 'heading', 'paragraph', 'sentence', 'text'],
  ...['table', 'tableRow', 'tableCell'],
])

/** Of the table below this heading, its cells without the head. */
function tableBelow(title: string, { children = [] }: Node): readonly (readonly string[])[] {
  const at = children.findIndex((node) => node.type === 'heading' && textOf(node) === title)
  const table = children[at + 1]
  assert.ok(at >= 0 && table?.type === 'table', title)
  return (table.children ?? []).slice(1).map((row) => (row.children ?? []).map(textOf))
}

test('a report is for programs and for people', () => {
  const analysis = analyse([chunk('b|', long), chunk('a', long), chunk('c', ' ')], ANALYSIS_OPTIONS)
  const report = reported(analysis)
  assert.equal(report.chunks, 3)
  assert.equal(report.duplicate_ratio, 0.333333)
  assert.equal(report.tokens, 2 * report.tokens_saved)
  assert.equal(report.worst[0]?.chunk_id, 'c')
  assert.equal(
    report.sizes.reduce((sum, { chunks }) => sum + chunks, 0),
    3,
  )
  assert.deepEqual(report.clusters, [{ keeper: 'b|', duplicates: ['a'], duplicates_total: 1 }])
  const markdown = markdownOf('<doc> &lt;~', report)
  assert.match(markdown, /^# Chunk report: \\<doc\\> \\&lt;\\~\n/)
  assert.match(markdown, /\| b\\\| \| a \|/)
})

test('a report names the first of many groups', () => {
  const pair = (i: number) => ({ keeper: `k${i}`, duplicates: [`d${i}`] })
  const clusters = [
    ...Array.from({ length: 150 }, (_, i) => pair(i)),
    { keeper: 'k', duplicates: [] },
  ]
  clusters[140]!.duplicates.push(...Array.from({ length: 30 }, (_, i) => `m${i}`))
  const report = reported({ chunks: [], clusters, truncated: false })
  assert.deepEqual([report.clusters.length, report.clusters_total], [100, 151])
  const [largest] = report.clusters
  assert.deepEqual([largest?.keeper, largest?.duplicates.length], ['k140', 20])
  assert.equal(largest?.duplicates_total, 31)
  const markdown = markdownOf('d', report)
  assert.match(markdown, /\| k140 \| d140, .* and 11 more \|/)
  assert.match(markdown, /the largest of 151 groups/)
})

test('a report names for each chunk what to do about it, the most urgent first', () => {
  const whole = `${WHOLE.english} ${WHOLE.english.replaceAll('mouse', 'vole')}\n\n`
  const analysis = analyse(
    [
      chunk('well', `${WHOLE.russian} ${WHOLE.arabic}`),
      chunk('sample', 'This is a sample'),
      chunk('large', whole.repeat(12)),
    ],
    { ...ANALYSIS_OPTIONS, check_similarity: false },
  )
  const report = reported(analysis)
  const findings = analysis.chunks.flatMap((one) => one.findings)
  assert.equal(report.suggestions_total, findings.length)
  assert.deepEqual(
    report.suggestions?.map(({ id }) => id),
    [...['large redundancy', 'large size', 'sample quality', 'sample size']],
  )
  const split = report.suggestions[1]?.outline ?? ''
  assert.match(split, /^split into 0–\d+, \d+–\d+/)
  const rows = tableBelow('What to do', read(markdownOf('d', report)))
  assert.deepEqual(rows[1], [
    ...['large', 'low', 'Chunk is too large'],
    ...['Split the chunk at its headings, paragraphs or sentences', split],
  ])
  assert.equal(rows.length, findings.length)
})

test('a report names the first of many suggestions, of many places too, and counts the others', () => {
  const chunks = Array.from({ length: 150 }, (_, i) => chunk(`c${i}`, `${i} tiny`))
  const report = reported(analyse(chunks, { ...ANALYSIS_OPTIONS, check_quality: false }))
  assert.equal(report.suggestions?.length, 100)
  assert.ok(report.suggestions_total! >= 150)
  const more = report.suggestions_total! - 100
  assert.match(markdownOf('d', report), new RegExp(`\\nThere are ${more} more\\.\\n`))
  assert.match(report.suggestions[0]?.outline ?? '', /^merge (c\d+, ){7}c\d+ and \d+ more$/)
  const before = { ...report, suggestions: undefined, suggestions_total: undefined }
  const old = markdownOf('d', JSON.parse(JSON.stringify(before)) as typeof report)
  assert.doesNotMatch(old, /What to do/)
})

test('no id of a caller is markup of a report', () => {
  const ids = [
    ...['a | b', '# head', '**bold** _thin_ ~~out~~', '[link](http://e.x)', '![p](//e.x/p.png)'],
    ...[
      '<b onclick=x>',
      '<!--',
      '&lt;&#60;',
      '`code`',
      '`open',
      '\\',
      '\\|',
      'www.evil.example',
      '$x$',
    ],
    ...['https://evil.example/x', 'me@evil.example', '[^1]', '[x]: http://e.x', '---', '- item'],
  ]
  const analysis = analyse(
    ids.map((id) => chunk(id, long)),
    ANALYSIS_OPTIONS,
  )
  for (const title of ids) {
    const markdown = markdownOf(title, reported(analysis))
    const document = read(markdown)
    const kinds = [...kindsIn(document)].filter((kind) => !PLAIN.has(kind))
    assert.deepEqual(kinds, [], title)
    assert.equal(textOf(document.children![0]!), `Chunk report: ${title}`)
    const rows = tableBelow('What to do', document)
    assert.deepEqual(new Set(rows.map(([id]) => id)), new Set(ids))
    assert.ok(rows.every(({ length }) => length === 5))
    assert.doesNotMatch(markdown, /https?:\/\/|www\.|\w@\w|(?<!\\)\$/)
  }
})
