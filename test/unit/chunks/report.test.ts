/** What is told of a whole document, for programs and for people. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsers } from 'prettier/plugins/markdown'
import { analyse, type Analysis } from '#domain/chunks/analysis.ts'
import { reportOf } from '#domain/chunks/report.ts'
import { markdownOf } from '#domain/chunks/report-markdown.ts'
import { ANALYSIS_OPTIONS, type Chunk, type Finding, type Priority } from '#events/chunks.ts'
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
/** All but the code, a line each. */
const wordsIn = ({ type, value, children = [] }: Node): string =>
  type === 'inlineCode' ? '' : (value ?? children.map(wordsIn).join('\n'))
const kindsIn = ({ type, children = [] }: Node): ReadonlySet<string> =>
  new Set([type, ...children.flatMap((child) => [...kindsIn(child)])])

/** Of what a report is made. */
const PLAIN = new Set([
  ...['root', 'heading', 'paragraph', 'sentence', 'text', 'inlineCode'],
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
  assert.match(markdown, /^# Chunk report: `<doc> &lt;~`\n/)
  assert.match(markdown, /\| `b\\\|` \| `a` \|/)
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
  assert.match(markdown, /\| `k140` \| `d140`, .*`m18` and 11 more \|/)
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
    [...['large redundancy', 'sample quality', 'sample size', 'large size']],
  )
  const split = report.suggestions[3]?.outline ?? ''
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

test('the most urgent suggestions are told, of whatever chunks, the worst of these first', () => {
  const made = (chunk_id: string, overall_score: number, priorities: readonly Priority[]) => {
    const rest = { quality_score: 1, redundancy_score: 0, size_score: 1, similarity_score: 0 }
    const finding = (priority: Priority, i: number): Finding & { id: string } => ({
      ...{ id: `${chunk_id}.${i}`, chunk_id, type: 'quality', priority, related_chunks: [] },
      ...{ title: 'A', description: 'B', suggested_action: 'C' },
    })
    return {
      ...{ metrics: { chunk_id, overall_score, ...rest }, tokens: 1 },
      findings: priorities.map(finding),
    }
  }
  const chunks = Array.from({ length: 60 }, (_, i) => made(`c${i}`, i / 60, ['high', 'medium']))
  const tied = ['x10', 'x9'].map((chunk_id) => made(chunk_id, 0.5, ['high', 'low']))
  const report = reportOf({
    ...{ chunks: [...chunks.toReversed(), ...tied], clusters: [], truncated: false },
  })
  const order = report.suggestions?.map(({ id }) => id) ?? []
  const named = (from: number, to: number, end: string) =>
    Array.from({ length: to - from }, (_, i) => `c${from + i}${end}`)
  assert.deepEqual(order, [
    ...[...named(0, 31, '.0'), 'x10.0', 'x9.0', ...named(31, 60, '.0')],
    ...named(0, 38, '.1'),
  ])
  // For people, a chunk is told of once, where its most urgent suggestion stands.
  const rows = tableBelow('What to do', read(markdownOf('d', report)))
  const told = rows.map(([id, priority]) => `${id} ${priority}`)
  assert.deepEqual(told.slice(0, 4), ['c0 high', 'c0 medium', 'c1 high', 'c1 medium'])
  assert.deepEqual(told.slice(60, 65), [
    'c30 high',
    'c30 medium',
    'x10 high',
    'x9 high',
    'c31 high',
  ])
  assert.deepEqual([told.length, told.at(-1)], [100, 'c59 high'])
})

test('no id of a caller is markup of a report', () => {
  const ids = [
    ...['a | b', '# head', '**bold** _thin_ ~~out~~', '[link](http://e.x)', '![p](//e.x/p.png)'],
    ...['<b onclick=x>', '<!--', '&lt;&#60;', '`code`', '`open', '\\', 'www.evil.example', '$x$'],
    ...['https://evil.example/x', 'me@evil.example', '[^1]', '[x]: http://e.x', '---', '- item'],
    ...['`', '``two`` ```three', 'ends`', ' both ends ', '\\\\|', '||', '#', '~~~'],
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
    // What a reader looks through for addresses is its text: there are none but our own words.
    assert.doesNotMatch(wordsIn(document), /:\/\/|[@$<&`*_~[\]|]|www/)
  }
})

test('an id that no code can hold as it is stays in its cell', () => {
  const told = (id: string) => {
    const report = reported(analyse([chunk(id, long), chunk('b', long)], ANALYSIS_OPTIONS))
    return tableBelow('Duplicates', read(markdownOf(id, report)))
  }
  // A table would take the backslash for its own.
  assert.deepEqual(told('a\\|b'), [['a\\\\|b', 'b']])
  assert.deepEqual(told('a\r\nb\u0007\t'), [['a b\uFFFD\uFFFD', 'b']])
  assert.deepEqual(told(' '), [[' ', 'b']])
})
