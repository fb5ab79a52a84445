import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mergePlans as mergePlansFor, type Mergeable } from '#domain/chunks/merge-plan.ts'
import { splitPlan as splitPlanFor } from '#domain/chunks/split-plan.ts'
import { estimateTokens } from '#domain/chunks/token-estimate.ts'
import { ANALYSIS_OPTIONS } from '#events/chunks.ts'
import { randomFrom } from './random.ts'
import { cpuTime } from '../../support/cpu-time.ts'
import { WHOLE } from './texts.ts'

const { target_tokens } = ANALYSIS_OPTIONS
const splitPlan = (text: string, target = target_tokens) => splitPlanFor(text, target)
const mergePlans = (chunks: readonly Mergeable[], target = target_tokens) =>
  mergePlansFor(chunks, target)

describe('a split plan', () => {
  const texts: Record<string, string> = {
    prose: Array.from({ length: 60 }, () => WHOLE.english).join('\n\n'),
    chinese: WHOLE.chinese.repeat(60),
    thai: WHOLE.thai.repeat(40),
    'one word': 'a'.repeat(20_000),
    emoji: '😀'.repeat(3_000),
    spaces: ' '.repeat(20_000),
    quotes: '"'.repeat(20_000),
    'lone halves': '\ud83d'.repeat(3_000),
  }

  test('parts the text without loss, within its largest size, and never a character', () => {
    for (const [name, text] of Object.entries(texts)) {
      const parts = splitPlan(text)
      assert.equal(parts.map(({ start, end }) => text.slice(start, end)).join(''), text, name)
      parts.forEach(({ start, tokens }) => {
        assert.ok(tokens <= 400, `${name}: ${tokens}`)
        assert.ok(start === 0 || !text.isWellFormed() || text.slice(start).isWellFormed(), name)
      })
    }
  })

  test('ends its parts where the text has ends', () => {
    for (const name of ['prose', 'chinese']) {
      const text = texts[name]!
      const ends = splitPlan(text).map(({ end }) => text.slice(0, end).trimEnd().at(-1))
      assert.ok(ends.length > 5, `${name}: ${ends.length}`)
      assert.ok(
        ends.every((end) => end === '.' || end === '。'),
        `${name}: ${ends.join(' ')}`,
      )
    }
  })

  test('keeps to the sizes that a call wants, however large, whatever the text', () => {
    const random = randomFrom(21)
    const scraps = [
      'word ',
      'a. ',
      '\n\n',
      '# Head\n',
      '中',
      '。',
      '한국',
      '😀',
      '\ud83d',
      '"',
      ' ',
      'x'.repeat(90),
    ]
    const made = Array.from({ length: 40 }, () =>
      Array.from(
        { length: random() * 900 },
        () => scraps[Math.floor(random() * scraps.length)],
      ).join(''),
    )
    for (const [low, high] of [
      [1, 64],
      [32, 100],
      [300, 300],
      [64, 700],
      [64, 2_000],
      [1_000, 50_000],
    ] as const) {
      for (const text of [...Object.values(texts), ...made]) {
        const parts = splitPlan(text, { ...target_tokens, low, high })
        const again = parts.map(({ start, end }) => text.slice(start, end)).join('')
        assert.equal(again, text, `${low} to ${high}: ${text.slice(0, 40)}`)
        const [largest = 0] = parts.map(({ tokens }) => tokens).sort((a, b) => b - a)
        assert.ok(largest <= high, `${largest} of ${high}: ${text.slice(0, 40)}`)
        if (text.isWellFormed()) {
          assert.ok(parts.every(({ start }) => text.slice(start).isWellFormed()))
        }
      }
    }
  })

  test('likes a heading better than a place amid its section', () => {
    const section = (title: string) => `## ${title}\n${`${WHOLE.english} `.repeat(4).trim()}\n`
    const text = ['One', 'Two', 'Three', 'Four'].map(section).join('')
    const starts = splitPlan(text).map(({ start }) => text.slice(start, start + 3))
    assert.deepEqual(starts, ['## ', '## ', '## ', '## '])
  })

  test('takes no longer for the tiniest words', () => {
    const before = cpuTime()
    const parts = splitPlan('а '.repeat(2_000_000))
    assert.ok(cpuTime() - before < 8_000)
    assert.ok(parts.every(({ tokens }) => tokens > 200 && tokens <= 400))
  })

  test('of what is small is the whole', () => {
    const text = WHOLE.korean
    assert.deepEqual(splitPlan(text), [
      { start: 0, end: text.length, tokens: estimateTokens(text) },
    ])
  })
})

describe('merge plans', () => {
  const chunks = (...contents: string[]) =>
    contents.map((content, i) => ({
      ...{ chunk_id: `c${i}`, content },
      tokens: estimateTokens(content),
    }))
  const long = Array.from({ length: 2 }, () => WHOLE.english).join(' ')

  test('join scraps with their neighbour, and a heading with what follows it', () => {
    const [merge, ...more] = mergePlans(chunks(long, '# The winter', WHOLE.russian, 'It was cold.'))
    assert.deepEqual(merge, { chunk_ids: ['c1', 'c2', 'c3'], joiner: '\n\n' })
    assert.deepEqual(more, [])
  })

  test('heal a sentence that was cut in two', () => {
    const cut = long.lastIndexOf(' where')
    assert.deepEqual(mergePlans(chunks(`${long} ${long.slice(0, cut)}`, long.slice(cut + 1))), [
      { chunk_ids: ['c0', 'c1'], joiner: ' ' },
    ])
    const { chinese } = WHOLE
    const place = chinese.indexOf('圣人')
    assert.equal(mergePlans(chunks(chinese.slice(0, place), chinese.slice(place)))[0]?.joiner, '')
  })

  test('leave alone what is whole, what would be too large, and what is from elsewhere', () => {
    assert.deepEqual(mergePlans(chunks(long, `${WHOLE.russian} ${WHOLE.russian}`)), [])
    assert.deepEqual(mergePlans(chunks(long.repeat(4), 'A scrap.')), [])
    const [one, two] = chunks('A scrap.', 'Another scrap.')
    const apart = [
      { ...one!, metadata: { source_file: 'a' } },
      { ...two!, metadata: { source_file: 'b' } },
    ]
    assert.deepEqual(mergePlans(apart), [])
  })

  test('do not put a copy beside its twin', () => {
    assert.deepEqual(mergePlans(chunks('A scrap.', 'A scrap.')), [])
  })

  test('take together no more than anybody reads, however much may be in one chunk', () => {
    const many = chunks(...Array.from({ length: 10_000 }, (_, i) => `word${i}`))
    for (const target of [target_tokens, { ...target_tokens, low: 1e5, high: 1e6, max: 2e6 }]) {
      const merges = mergePlans(many, target)
      assert.equal(merges.length, 500)
      assert.ok(merges.every(({ chunk_ids }) => chunk_ids.length === 20))
    }
  })
})
