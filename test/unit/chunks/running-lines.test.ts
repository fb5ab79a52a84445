/** Headers and footers of pages, and what is left when they are trimmed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { analyse } from '#domain/chunks/analysis.ts'
import { runningLines as linesOf, together } from '#domain/chunks/running-lines.ts'
import { ANALYSIS_OPTIONS, type Chunk } from '#events/chunks.ts'
import { randomFrom } from './random.ts'
import { WHOLE } from './texts.ts'

const page = (number: number | string, content: string, source_file = 'a.pdf'): Chunk => ({
  chunk_id: `${source_file}-${number}`,
  content,
  metadata: { source_file, page: number },
})
const texts = [
  WHOLE.english,
  WHOLE.russian,
  WHOLE.chinese,
  WHOLE.korean,
  WHOLE.thai,
  WHOLE.japanese,
]
const printed = (pages: number, source?: string) =>
  texts
    .slice(0, pages)
    .map((text, i) => page(i + 1, `Annual report 2024\n${text}\n- ${i + 1} -\n| --- |`, source))

const runningLines = (chunks: readonly Chunk[], removed: readonly number[] = []) =>
  linesOf(
    chunks,
    Uint8Array.from(chunks, (_, index) => Number(removed.includes(index))),
  ).cut

const trimmed = (content: string, spans: readonly { start: number; end: number }[]) =>
  spans
    .toReversed()
    .reduce((text, { start, end }) => text.slice(0, start) + text.slice(end), content)

describe('a running line', () => {
  test('is told on every page but its first, whatever its number', () => {
    const chunks = printed(6)
    const found = runningLines(chunks)
    assert.deepEqual([...found.keys()], [1, 2, 3, 4, 5])
    for (const [index, spans] of found) {
      const { content } = chunks[index]!
      assert.equal(trimmed(content, spans), `${texts[index]}\n| --- |`)
      assert.ok(spans.every(({ keptIn }) => keptIn === 0))
    }
  })

  test('stays on the first page that no cluster removes', () => {
    const found = runningLines(printed(6), [0, 2])
    assert.deepEqual([...found.keys()], [0, 2, 3, 4, 5])
    assert.ok([...found.values()].flat().every(({ keptIn }) => keptIn === 1))
    assert.equal(runningLines(printed(6), [0, 1, 2, 3, 4, 5]).size, 0)
  })

  test('stands on three pages at least and on half of them, of one source', () => {
    assert.equal(runningLines(printed(2)).size, 0)
    assert.equal(runningLines([...printed(2), ...printed(2, 'b.pdf')]).size, 0)
    const some = texts.map((text, i) => page(i, i < 2 ? `Draft\n${text}` : text))
    assert.equal(runningLines(some).size, 0)
    const half = texts.map((text, i) => page(i, i < 3 ? `Draft\n${text}` : text))
    assert.deepEqual([...runningLines(half).keys()], [1, 2])
    const onePage = texts.map((text) => page(1, `Draft\n${text}`))
    assert.equal(runningLines(onePage).size, 0)
    const noPages = printed(6).map(({ chunk_id, content }) => ({ chunk_id, content }))
    assert.equal(runningLines(noPages).size, 0)
  })

  test('is worth a suggestion of little urgency, with a plan that leaves the text', () => {
    const chunks = printed(6)
    const found = analyse(chunks, ANALYSIS_OPTIONS).chunks.map(({ findings }) =>
      findings.find(({ type }) => type === 'redundancy'),
    )
    assert.equal(found[0], undefined)
    for (const finding of found.slice(1)) {
      assert.deepEqual([finding?.priority, finding?.related_chunks], ['low', ['a.pdf-1']])
      assert.match(finding?.description ?? '', /^2 of its lines stand on at least half/)
      assert.ok(finding?.plan?.action === 'trim')
    }
    const unchecked = analyse(chunks, { ...ANALYSIS_OPTIONS, check_redundancy: false }).chunks
    assert.ok(
      unchecked.every(({ findings }) => findings.every(({ type }) => type !== 'redundancy')),
    )
  })

  test('goes with what else can be trimmed, without an overlap', () => {
    const random = randomFrom(31)
    const row = () => {
      const marks = Array.from({ length: 2 * Math.floor(random() * 6) }, () =>
        Math.floor(random() * 60),
      )
      const sorted = [...new Set(marks)].sort((a, b) => a - b)
      return Array.from({ length: Math.floor(sorted.length / 2) }, (_, i) => ({
        ...{ start: sorted[2 * i]!, end: sorted[2 * i + 1]! },
        keptIn: i,
      }))
    }
    const covered = (spans: readonly { start: number; end: number }[]) =>
      new Set(
        spans.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i)),
      )
    for (let round = 0; round < 500; round++) {
      const [one, two] = [row(), row()]
      const all = together(one, two)
      assert.deepEqual([...covered(all)].sort(), [...covered([...one, ...two])].sort())
      all.slice(1).forEach(({ start }, i) => assert.ok(start >= (all[i]?.end ?? 0)))
      assert.ok(one.every((span) => all.includes(span)))
    }
  })
})
