import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { overallScore, type Scores } from '#domain/chunks/overall.ts'
import { qualityOf } from '#domain/chunks/quality.ts'
import { layOut } from '#domain/chunks/laid-out.ts'
import { findRedundancy } from '#domain/chunks/redundancy.ts'
import { sizeScore } from '#domain/chunks/size.ts'
import { tokenize } from '#domain/chunks/tokens.ts'
import { Vocabulary } from '#domain/chunks/vocabulary.ts'
import { ANALYSIS_OPTIONS } from '#events/chunks.ts'
import { randomFrom } from './random.ts'
import { read } from './reading.ts'
import { BROKEN, WHOLE } from './texts.ts'

function quality(text: string) {
  const { kinds, tokens } = read(text)
  return qualityOf(text, kinds, tokens)
}

function redundancy(...texts: string[]) {
  const vocabulary = new Vocabulary()
  return findRedundancy(layOut(texts.map((text) => tokenize(text, vocabulary))))
}

const near = (actual: number, expected: number, within = 0.005) =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`)

describe('quality', () => {
  test('of a whole chunk is good, in any script', () => {
    for (const [name, text] of Object.entries(WHOLE)) {
      assert.ok(quality(text).score > 0.8, `${name}: ${quality(text).score}`)
    }
  })

  test('of a broken one is not', () => {
    for (const [name, text] of Object.entries(BROKEN)) {
      assert.ok(quality(text).score < 0.6, `${name}: ${quality(text).score}`)
    }
  })

  test('of the document’s sample is just what the document shows', () => {
    near(quality('This is a sample chunk content...').score, 0.52)
  })

  test('of nothing is 0', () => {
    for (const text of ['', ' \n', '\u200b', '\0']) assert.equal(quality(text).score, 0)
  })

  test('falls when the end or the beginning is cut off', () => {
    const { english } = WHOLE
    assert.ok(quality(english.slice(0, -30)).score < quality(english).score)
    assert.ok(quality(english.slice(30)).score < quality(english).score)
  })

  test('knows an opening that points at what is not there', () => {
    for (const text of [
      'However, it was late.',
      '因此我们回家了。',
      'しかし彼は来た。',
      '그러나 그는 왔다.',
    ]) {
      assert.equal(quality(text).independence, 0.4, text)
    }
    assert.equal(quality('Thistles are tall plants.').independence, 1)
  })

  test('of any text is from 0 to 1', () => {
    const alphabet = [...'aB1 \n.,…#(["\u0301漢。ก|;-\uFFFDÃ\u00a0😀']
    const random = randomFrom(3)
    for (let round = 0; round < 2_000; round++) {
      const text = Array.from(
        { length: random() * 60 },
        () => alphabet[Math.floor(random() * alphabet.length)],
      ).join('')
      for (const [name, value] of Object.entries(quality(text))) {
        assert.ok(value >= 0 && value <= 1, `${name} ${value} of ${JSON.stringify(text)}`)
      }
    }
  })
})

describe('size', () => {
  test('is best from 64 to 400 tokens', () => {
    const expected: [number, number][] = [
      [0, 0],
      [16, 0.25],
      [51, 0.8],
      [64, 1],
      [400, 1],
      [512, 0.85],
      [905, 0.5],
      [2_048, 0],
      [100_000, 0],
    ]
    for (const [tokens, score] of expected)
      near(sizeScore(tokens, ANALYSIS_OPTIONS.target_tokens), score)
  })
})

describe('redundancy', () => {
  test('is the share of what comes again', () => {
    const score = (...texts: string[]) => redundancy(...texts).map((one) => one.score)
    near(score('hello world. hello world. hello world.')[0]!, 0.67)
    near(score('Click the button now. '.repeat(20))[0]!, 0.95)
    assert.deepEqual(score(WHOLE.english, WHOLE.english), [1, 1])
    assert.deepEqual(score('Hello there', 'hello there', 'hello'), [1, 1, 0])
    near(score(WHOLE.english)[0]!, 0)
  })

  test('of an overlap is its part of the chunk', () => {
    const words = (from: number) => Array.from({ length: 100 }, (_, i) => `w${from + i}`).join(' ')
    const [one, two, alone] = redundancy(words(0), words(80), words(500))
    near(one!.score, 0.2)
    near(two!.score, 0.2)
    assert.equal(alone!.score, 0)
    assert.deepEqual([one!.sharers, two!.sharers], [[1], [0]])
  })

  test('of made-up texts is what a look at every row of tokens says', () => {
    const random = randomFrom(4)
    for (let round = 0; round < 200; round++) {
      const texts = Array.from({ length: 4 }, () =>
        Array.from({ length: random() * 40 }, () => 'abc'[Math.floor(random() * 3)]).join(' '),
      )
      assert.deepEqual(
        redundancy(...texts).map(({ score }) => score),
        texts.map((_, i) =>
          slowRedundancy(
            texts.map((text) => read(text).texts),
            i,
          ),
        ),
      )
    }
  })
})

function slowRedundancy(texts: readonly (readonly string[])[], index: number): number {
  const own = texts[index]!
  const others = texts.filter((_, i) => i !== index)
  if (own.length === 0) return 0
  if (own.length < 8 && others.some((other) => other.join() === own.join())) return 1
  const rows = (tokens: readonly string[], n: number) =>
    tokens.slice(0, Math.max(0, tokens.length - n + 1)).map((_, i) => tokens.slice(i, i + n).join())
  const covered = new Set<number>()
  rows(own, 3).forEach((row, at, all) => {
    if (all.indexOf(row) < at) for (let i = 0; i < 3; i++) covered.add(at + i)
  })
  const elsewhere = new Set(others.flatMap((other) => rows(other, 8)))
  rows(own, 8).forEach((row, at) => {
    if (elsewhere.has(row)) for (let i = 0; i < 8; i++) covered.add(at + i)
  })
  return covered.size / own.length
}

describe('overall', () => {
  const example: Scores = { quality: 0.55, redundancy: 0.2, size: 0.8, similarity: 0.1 }
  const perfect: Scores = { quality: 1, redundancy: 0, size: 1, similarity: 0 }

  test('of the document’s example is the document’s own', () => {
    near(overallScore(example, ANALYSIS_OPTIONS), 0.62, 1e-12)
  })

  test('of a perfect chunk is 1, and of its copy far less', () => {
    assert.equal(overallScore(perfect, ANALYSIS_OPTIONS), 1)
    near(overallScore({ ...perfect, redundancy: 1, similarity: 1 }, ANALYSIS_OPTIONS), 0.26)
  })

  test('leaves out what is not checked', () => {
    const worse = { ...perfect, quality: 0 }
    assert.equal(overallScore(worse, { ...ANALYSIS_OPTIONS, check_quality: false }), 1)
  })

  test('never falls when a part gets better', () => {
    const random = randomFrom(5)
    for (let round = 0; round < 500; round++) {
      const scores: Scores = {
        quality: random(),
        redundancy: random(),
        size: random(),
        similarity: random(),
      }
      const overall = overallScore(scores, ANALYSIS_OPTIONS)
      assert.ok(overall >= 0 && overall <= 1)
      const better: Scores[] = [
        { ...scores, quality: (1 + scores.quality) / 2 },
        { ...scores, redundancy: scores.redundancy / 2 },
        { ...scores, size: (1 + scores.size) / 2 },
        { ...scores, similarity: scores.similarity / 2 },
      ]
      for (const one of better) assert.ok(overallScore(one, ANALYSIS_OPTIONS) >= overall)
    }
  })
})
