/** What the suggestions for a document say can go, and what is left when all of it is gone. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { analyse, type Analysis } from '#domain/chunks/analysis.ts'
import { layOut } from '#domain/chunks/laid-out.ts'
import { runningLines } from '#domain/chunks/running-lines.ts'
import { tokenize } from '#domain/chunks/tokens.ts'
import { trimsOf } from '#domain/chunks/trims.ts'
import { Vocabulary } from '#domain/chunks/vocabulary.ts'
import { ANALYSIS_OPTIONS, type AnalysisOptions, type Chunk, type Span } from '#events/chunks.ts'
import { randomFrom } from './random.ts'
import { WHOLE } from './texts.ts'

const NO_LINES = { cut: new Map<number, never>(), kept: new Map<number, never>() }
const ROW = 8

/** Every redundancy is told, so that every plan is. */
const EAGER: AnalysisOptions = {
  ...ANALYSIS_OPTIONS,
  thresholds: { ...ANALYSIS_OPTIONS.thresholds, redundancy: 0 },
}

function trims(...texts: string[]) {
  const vocabulary = new Vocabulary()
  const laid = layOut(texts.map((text) => tokenize(text, vocabulary)))
  return trimsOf(laid, NO_LINES, new Uint8Array(texts.length))
}

const plansOf = ({ chunks }: Analysis): readonly (readonly Span[])[] =>
  chunks.map(({ findings }) =>
    findings.flatMap(({ plan }) => (plan?.action === 'trim' ? plan.spans : [])),
  )

/** What of a document is left, token by token: all its clusters and plans are followed. */
function followed(chunks: readonly Chunk[], analysis: Analysis) {
  const removed = new Set(analysis.clusters.flatMap(({ duplicates }) => duplicates))
  const vocabulary = new Vocabulary()
  const plans = plansOf(analysis)
  const lines = runningLines(
    chunks,
    Uint8Array.from(chunks, ({ chunk_id }) => Number(removed.has(chunk_id))),
  )
  return chunks.map(({ chunk_id, content }, index) => {
    const { ids, starts, ends } = tokenize(content, vocabulary)
    const over = <One extends { start: number; end: number }>(spans: readonly One[] = []) =>
      Array.from(ids, (_, at) =>
        spans.find(({ start, end }) => starts[at]! < end && ends[at]! > start),
      )
    const rest = (plans[index] ?? []).reduceRight(
      (text, { start, end }) => `${text.slice(0, start)}\n${text.slice(end)}`,
      content,
    )
    return {
      ...{ chunk_id, ids, rest, content, isRemoved: removed.has(chunk_id) },
      ...{ starts, ends, cuts: over(plans[index]), lines: over(lines.cut.get(index)) },
    }
  })
}

type Left = ReturnType<typeof followed>[number]

/** The rows of so many tokens that stand in a chunk before, or after, its plan was followed. */
function rowsOf(left: Left, when: 'before' | 'after', length = ROW): Set<string> {
  const { ids, cuts, lines } = left
  const rows = new Set<string>()
  for (let at = 0; at + length <= ids.length; at++) {
    // A running line that can go takes the rows with it that it is a part of.
    const gone = (when === 'after' ? cuts : lines).slice(at, at + length)
    if (gone.every((cut) => cut === undefined)) rows.add(ids.slice(at, at + length).join())
  }
  return rows
}

/** Throws where the suggestions of a document contradict each other. Returns how much is cut. */
function requireSafe(chunks: readonly Chunk[], options: AnalysisOptions): number {
  const left = followed(chunks, analyse(chunks, options))
  const stay = left.filter(({ isRemoved }) => !isRemoved)
  const after = new Set(stay.flatMap((one) => [...rowsOf(one, 'after')]))
  const seen = new Map<string, number>()
  for (const one of left) {
    for (const row of rowsOf(one, 'before')) seen.set(row, (seen.get(row) ?? 0) + 1)
  }
  const told = () => JSON.stringify(chunks)
  for (const one of stay) {
    for (const row of rowsOf(one, 'before')) {
      assert.ok(
        seen.get(row) === 1 || after.has(row),
        `a row of ${one.chunk_id} is lost: ${told()}`,
      )
    }
  }
  // What is cut stands where it is told to be kept, whole, when all is done.
  const kept = new Map(
    stay.map((one) => [
      one.chunk_id,
      { rows: rowsOf(one, 'after'), ids: one.ids.join(), rest: oneNumber(one.rest) },
    ]),
  )
  let count = 0
  for (const one of left) {
    one.cuts.forEach((cut, at) => {
      // Pairs of characters overlap: one at the edge of a cut is half in it.
      if (cut === undefined || one.starts[at]! < cut.start || one.ends[at]! > cut.end) return
      count++
      const keeper = kept.get(cut.kept_in)
      const line = one.lines[at]
      const isThere = () => {
        if (cut.kept_in === one.chunk_id) return isIn(rowsOf(one, 'after', 3), one, at, 3)
        if (keeper === undefined) return false
        if (line) return keeper.rest.includes(oneNumber(one.content.slice(line.start, line.end)))
        return one.ids.length < ROW
          ? keeper.ids === one.ids.join()
          : isIn(keeper.rows, one, at, ROW)
      }
      assert.ok(isThere(), `${one.chunk_id} at ${at} is not kept in ${cut.kept_in}: ${told()}`)
    })
  }
  return count
}

const oneNumber = (text: string) => text.trim().replace(/\d+/g, '0')

function isIn(rows: ReadonlySet<string>, { ids }: Left, at: number, length: number): boolean {
  for (let from = Math.max(0, at - length + 1); from <= at; from++) {
    if (from + length <= ids.length && rows.has(ids.slice(from, from + length).join())) return true
  }
  return false
}

describe('trim plans', () => {
  test('point at what can go, and at where it stays', () => {
    const { chinese, english } = WHOLE
    const own = 'The end of the story is another one.'
    const text = `${english} ${own}`
    const [, second, , copy] = trims(english, text, chinese, `${chinese}${own}`)
    assert.deepEqual(
      second!.map(({ start, end, keptIn }) => [text.slice(start, end), keptIn]),
      [[english.slice(0, -1), 0]],
    )
    assert.deepEqual(
      copy!.map(({ keptIn }) => keptIn),
      [2, 1],
    )
  })

  test('leave of what a chunk says again and again the first', () => {
    const sentence = 'Click the green button in the upper corner of the window now. '
    const text = sentence.repeat(5).trim()
    assert.deepEqual(trims(text), [[{ start: 62, end: text.length - 1, keptIn: 0 }]])
  })

  test('and clusters keep the same one of two copies', () => {
    const copies = ['chunk-9', 'chunk-10'].map((chunk_id) => ({
      ...{ chunk_id, content: WHOLE.english },
    }))
    const analysis = analyse(copies, ANALYSIS_OPTIONS)
    assert.deepEqual(analysis.clusters, [{ keeper: 'chunk-9', duplicates: ['chunk-10'] }])
    assert.deepEqual(
      plansOf(analysis).map((spans) => spans.map(({ kept_in }) => kept_in)),
      [[], ['chunk-9']],
    )
  })

  test('keep nothing in a chunk that its cluster removes, wherever that stands', () => {
    const { english, russian } = WHOLE
    // The same words, less well put.
    const worse = `${english.replaceAll('. ', ' ').toLowerCase().slice(0, -1)}`
    const chunks = [
      { chunk_id: 'a', content: worse },
      { chunk_id: 'b', content: english },
      { chunk_id: 'c', content: `${english} ${russian}` },
    ]
    const analysis = analyse(chunks, EAGER)
    assert.deepEqual(analysis.clusters, [{ keeper: 'b', duplicates: ['a'] }])
    assert.deepEqual(
      plansOf(analysis).map((spans) => [...new Set(spans.map(({ kept_in }) => kept_in))]),
      [['b'], [], ['b']],
    )
    requireSafe(chunks, EAGER)
  })

  test('leave whole what another plan counts on', () => {
    const words = (name: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${name}${i}`).join(' ')
    const [p, q] = [words('p', 20), words('q', 5)]
    const chunks = [
      { chunk_id: 'first', content: `${p}. ${words('x', 9)}` },
      { chunk_id: 'second', content: `${p}. ${q}. ${words('y', 9)}` },
      { chunk_id: 'third', content: `${p}. ${q}. ${words('z', 9)}` },
    ]
    assert.ok(requireSafe(chunks, { ...EAGER, check_similarity: false }) > 0)
  })

  test('cut whole sentences, and what a sliding window has left at an edge', () => {
    const shared = 'the old mill by the river had not turned its wheel for seven years'
    const [one, two] = [`So ${shared}. Nobody came.`, `They say ${shared}, and they are right.`]
    const whole = 'Only the swallows knew the way in through the broken shutter of the loft.'
    const cut = (...contents: string[]) => {
      const chunks = contents.map((content, i) => ({ chunk_id: `c${i}`, content }))
      const options = { ...EAGER, check_similarity: false }
      return plansOf(analyse(chunks, options)).map((spans, i) =>
        spans.map(({ start, end }) => contents[i]!.slice(start, end)),
      )
    }
    assert.deepEqual(cut(one, two), [[], []])
    assert.deepEqual(cut(`${one} “${whole}”`, `${two} “${whole}” He left.`), [[], [`“${whole}” `]])
    const fenced = '```\nlet answer = 42\n```\n'
    assert.deepEqual(cut(`${one}\n${whole}`, `${two}\n${whole}\n${fenced}`), [[], [`${whole}\n`]])
    const text = `${one} ${whole} ${two}`
    const [left, right] = [text.slice(0, 120), text.slice(40)]
    const window = 'its wheel for seven years. Nobody came. Only the swallows knew the way in'
    assert.deepEqual(cut(left, right), [[], [window]])
    assert.deepEqual(cut(left, `It is told of ${right}`), [[], ['Nobody came. ']])
  })

  test('of made-up documents lose nothing of which there were two, if all are followed', () => {
    const random = randomFrom(17)
    const upTo = (count: number) => Math.floor(random() * count)
    const languages = [
      () => ` ${'abcdefghijklmnopqrstuvwxyz'[upTo(26)]}${upTo(4)}`,
      () => '道可道非常道名可名非常名無名天地之始有名萬物之母'[upTo(23)]!,
      () => ` ${'ab'[upTo(2)]}`,
    ]
    let cut = 0
    for (let round = 0; round < 1_500; round++) {
      const word = languages[round % languages.length]!
      const words = (most: number) => Array.from({ length: upTo(most) }, word).join('')
      const passages = Array.from({ length: 1 + upTo(6) }, () => `${words(30)}${' .。'[upTo(3)]}`)
      const header = words(12)
      const contents: string[] = []
      for (let i = 1 + upTo(8); i > 0; i--) {
        const made = Array.from({ length: upTo(5) }, () => {
          const passage = passages[upTo(passages.length)]!
          const piece = passage.slice(upTo(4) * upTo(8), passage.length - upTo(4) * upTo(8))
          return [passage, piece, words(12)][upTo(3)]!
        })
        const body = made.join(['', '. ', '\n'][upTo(3)])
        const copied = upTo(4) === 0 ? contents[upTo(contents.length)] : undefined
        contents.push(copied ?? (upTo(3) === 0 ? `${header}\n${body}` : body))
      }
      const hasPages = upTo(2) === 0
      const chunks = contents.map((content, i) => ({
        ...{ chunk_id: `c${i}`, content },
        ...(hasPages && upTo(5) > 0 && { metadata: { page: i } }),
      }))
      const options = {
        ...EAGER,
        check_similarity: upTo(4) > 0,
        similarity_threshold: [0.5, 0.85, 1][upTo(3)]!,
        ignore_adjacent_overlap: upTo(4) === 0,
      }
      cut += requireSafe(chunks, options)
    }
    assert.ok(cut > 10_000, `${cut} tokens are cut`)
  })
})
