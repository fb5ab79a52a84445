import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mergePlans as mergePlansFor, type Mergeable } from '#domain/chunks/merge-plan.ts'
import { bandsOf, signatureOf, tokenHashes } from '#domain/chunks/minhash.ts'
import { splitPlan as splitPlanFor } from '#domain/chunks/split-plan.ts'
import { estimateTokens } from '#domain/chunks/token-estimate.ts'
import { tokenize } from '#domain/chunks/tokens.ts'
import { ANALYSIS_OPTIONS } from '#events/chunks.ts'
import { randomFrom } from './random.ts'
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

  test('likes a heading better than a place amid its section', () => {
    const section = (title: string) => `## ${title}\n${`${WHOLE.english} `.repeat(4).trim()}\n`
    const text = ['One', 'Two', 'Three', 'Four'].map(section).join('')
    const starts = splitPlan(text).map(({ start }) => text.slice(start, start + 3))
    assert.deepEqual(starts, ['## ', '## ', '## ', '## '])
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
})

describe('a signature', () => {
  const hashesOf = (text: string) => tokenHashes(tokenize(text).texts)

  test('shares a band with that of a similar text, and none with another’s', () => {
    const random = randomFrom(6)
    let found = 0
    let mistaken = 0
    for (let round = 0; round < 100; round++) {
      const words = Array.from({ length: 120 }, () => `w${Math.floor(random() * 50_000)}`)
      const edited = words.map((word, i) => (i % 25 === 0 ? `x${word}` : word))
      const other = words.map((word) => `y${word}`)
      const bands = (text: readonly string[], scope = 'a') =>
        bandsOf(signatureOf(hashesOf(text.join(' ')))!, scope)
      const meet = (a: Int32Array, b: Int32Array) => a.some((band, i) => band === b[i])
      if (meet(bands(words), bands(edited))) found++
      if (meet(bands(words), bands(other)) || meet(bands(words), bands(words, 'b'))) mistaken++
    }
    assert.ok(found >= 97, `${found} of 100`)
    assert.equal(mistaken, 0)
  })

  test('agrees in as many values as the texts have in common', () => {
    const words = Array.from({ length: 200 }, (_, i) => `w${i}`)
    const one = signatureOf(hashesOf(words.slice(0, 150).join(' ')))!
    const two = signatureOf(hashesOf(words.slice(50).join(' ')))!
    const agreed = one.filter((value, i) => value === two[i]).length / one.length
    assert.ok(Math.abs(agreed - 0.5) < 0.15, String(agreed))
  })

  test('stays what it is, since it is stored', () => {
    const signature = signatureOf(hashesOf('The harvest mouse'))!
    assert.deepEqual([...signature.slice(0, 2)], [1_100_491_975, 3_078_849_649])
    assert.equal(signatureOf(hashesOf(' ')), undefined)
  })
})
