/** What a call can set of an analysis, and what follows from it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { analyse } from '#domain/chunks/analysis.ts'
import { optionsInForce, type GivenOptions } from '#domain/chunks/options.ts'
import { overallScore } from '#domain/chunks/overall.ts'
import { shingled } from '#domain/chunks/shingles.ts'
import { similarityOf } from '#domain/chunks/similarity.ts'
import { tokenize } from '#domain/chunks/tokens.ts'
import { Vocabulary } from '#domain/chunks/vocabulary.ts'
import { sizeScore } from '#domain/chunks/size.ts'
import { overlapOf } from '#domain/chunks/windows.ts'
import { Problem } from '#domain/problem.ts'
import { ANALYSIS_OPTIONS, type Chunk } from '#events/chunks.ts'
import { randomFrom } from './random.ts'
import { WHOLE } from './texts.ts'

const analysed = (contents: readonly string[], given: GivenOptions = {}) =>
  analyse(
    contents.map((content, i): Chunk => ({ chunk_id: `c${i}`, content })),
    optionsInForce(given),
  ).chunks
const findingsOf = (content: string, given: GivenOptions) =>
  (analysed([content], given)[0]?.findings ?? []).map(({ type, priority }) => [type, priority])

describe('options in force', () => {
  test('are ours where a call says nothing, and stay what they are', () => {
    assert.deepEqual(optionsInForce(), ANALYSIS_OPTIONS)
    const given = optionsInForce({ weights: { size: 0 }, target_tokens: { high: 256 } })
    assert.deepEqual(given.weights, { quality: 0.4, redundancy: 0.3, size: 0, similarity: 0.1 })
    assert.deepEqual(given.target_tokens, { min: 0, low: 64, high: 256, max: 2_048 })
    assert.deepEqual(optionsInForce(given), given)
  })

  test('weigh something, and have sizes that rise', () => {
    const wrong: [GivenOptions, field: string][] = [
      [{ weights: { quality: 0, redundancy: 0, size: 0, similarity: 0 } }, 'options.weights'],
      [{ target_tokens: { low: 8, high: 32 } }, 'options.target_tokens.high'],
      [{ target_tokens: { low: 500 } }, 'options.target_tokens.high'],
      [{ target_tokens: { high: 4_000 } }, 'options.target_tokens.max'],
      [{ target_tokens: { min: 64 } }, 'options.target_tokens.low'],
    ]
    for (const [given, field] of wrong) {
      assert.throws(
        () => optionsInForce(given),
        (error) =>
          error instanceof Problem &&
          error.code === 'VALIDATION_FAILED' &&
          (error.details as { field: string }).field === field,
        field,
      )
    }
  })
})

describe('weights', () => {
  const scores = { quality: 0.5, redundancy: 0.9, size: 1, similarity: 1 }

  test('are shares of each other, whatever their sum', () => {
    const weights = { quality: 1, redundancy: 1, size: 2, similarity: 0 }
    const tenfold = { quality: 10, redundancy: 10, size: 20, similarity: 0 }
    const one = overallScore(scores, optionsInForce({ weights }))
    assert.equal(one, overallScore(scores, optionsInForce({ weights: tenfold })))
    // (.5 + .1 + 2 · 1) / 4 = .65; the worst that weighs anything is .1.
    assert.ok(Math.abs(one - (7 * 0.65 + 9 * 0.1) / 16) < 1e-12)
  })

  test('of nothing leave a side out, as if it were not checked', () => {
    const weightless = optionsInForce({ weights: { redundancy: 0, similarity: 0 } })
    const unchecked = optionsInForce({ check_redundancy: false, check_similarity: false })
    assert.equal(overallScore(scores, weightless), overallScore(scores, unchecked))
  })
})

describe('thresholds', () => {
  const text = 'This is a sample chunk content...'

  test('decide, and the priorities follow them', () => {
    const quality = (threshold: number) =>
      findingsOf(text, { check_size: false, thresholds: { quality: threshold } })
    assert.deepEqual(quality(0.5), [])
    assert.deepEqual(quality(0.6), [['quality', 'medium']])
    assert.deepEqual(quality(0.9), [['quality', 'high']])
    const size = (threshold: number) =>
      findingsOf(text, { check_quality: false, thresholds: { size: threshold } })
    assert.deepEqual(
      [size(0.1), size(0.2), size(0.5)],
      [[], [['size', 'low']], [['size', 'medium']]],
    )
    const twice = 'The mouse builds a nest. The owl hunts the mouse. The mouse builds a nest.'
    const redundancy = (threshold: number) =>
      findingsOf(twice, {
        check_quality: false,
        check_size: false,
        thresholds: { redundancy: threshold },
      })
    assert.deepEqual(
      [redundancy(0.5), redundancy(0.3), redundancy(0)],
      [[], [['redundancy', 'medium']], [['redundancy', 'medium']]],
    )
  })

  test('are told, and only ours as recommended', () => {
    const told = (quality: number) => analysed([text], { thresholds: { quality } })[0]?.findings
    assert.match(told(0.6)?.[0]?.description ?? '', / below the recommended threshold of 0\.6$/)
    assert.match(told(0.75)?.[0]?.description ?? '', / below the threshold of 0\.75$/)
  })
})

describe('target_tokens', () => {
  test('set what is a good size', () => {
    const { target_tokens } = optionsInForce({
      target_tokens: { min: 10, low: 110, high: 200, max: 800 },
    })
    const expected = [
      [0, 0],
      [10, 0],
      [60, 0.5],
      [110, 1],
      [200, 1],
      [400, 0.5],
      [800, 0],
      [9_000, 0],
    ] as const
    for (const [tokens, score] of expected) {
      assert.ok(Math.abs(sizeScore(tokens, target_tokens) - score) < 1e-12, String(tokens))
    }
  })

  test('set what is split and merged', () => {
    const text = Array.from({ length: 12 }, () => WHOLE.english).join('\n\n')
    const plan = (given: GivenOptions) => {
      const [first] = analysed([text], { ...given, check_quality: false, check_redundancy: false })
      return first?.findings[0]?.plan
    }
    assert.equal(plan({ target_tokens: { high: 1_000 } }), undefined)
    const small = plan({ target_tokens: { low: 32, high: 100, max: 200 } })
    assert.ok(small?.action === 'split' && small.parts.length >= 6)
    assert.ok(small.parts.every(({ tokens }) => tokens <= 100))
    // No part is too large for the model either.
    const fitting = plan({ max_embedding_tokens: 120 })
    assert.ok(fitting?.action === 'split' && fitting.parts.every(({ tokens }) => tokens <= 120))
    const merges = (high: number) =>
      analysed([`${WHOLE.english} ${WHOLE.list}`, 'A scrap.'], {
        target_tokens: { low: 20, high },
      })[1]?.findings.map(({ plan: merge }) => merge?.action)
    assert.ok(merges(400)?.includes('merge'))
    assert.ok(!merges(64)?.includes('merge'))
  })
})

describe('shingle_size', () => {
  test('lets the order of words be seen', () => {
    const [one, two] = ['the dog bites the man', 'the man bites the dog']
    assert.equal(similarityOf(one, two).similarity_score, 1)
    assert.equal(similarityOf(one, two, 2).similarity_score, 0.6)
    assert.equal(similarityOf(one, two, 3).similarity_score, 0)
    const similarities = ([1, 2, 3] as const).map(
      (shingle_size) => analysed([one, two], { shingle_size })[0]?.metrics.similarity_score,
    )
    assert.deepEqual(similarities, [1, 0.6, 0])
  })

  test('counts as the texts themselves do, also where they are shorter', () => {
    const random = randomFrom(11)
    const text = () => Array.from({ length: random() * 12 }, () => `w${Math.floor(random() * 4)}`)
    for (let round = 0; round < 200; round++) {
      const texts = [text(), text(), text()]
      const vocabulary = new Vocabulary()
      const read = texts.map((words) => tokenize(words.join(' '), vocabulary))
      for (const size of [1, 2, 3, 5]) {
        const { sets, vocabulary: below } = shingled(read, vocabulary.size, size)
        const strings = texts.map((words) => shinglesOf(words, size))
        for (const a of [0, 1, 2]) {
          assert.equal(sets[a]?.length, strings[a]?.size)
          assert.ok(sets[a]?.every((shingle) => shingle < below))
          const own = new Set(sets[a])
          for (const b of [0, 1, 2]) {
            const shared = [...sets[b]!].filter((shingle) => own.has(shingle)).length
            assert.equal(
              shared,
              [...strings[b]!].filter((one) => strings[a]?.has(one)).length,
              `${size}`,
            )
          }
        }
      }
    }
  })
})

function shinglesOf(words: readonly string[], size: number): ReadonlySet<string> {
  if (words.length === 0) return new Set()
  const last = Math.max(0, words.length - size)
  return new Set(Array.from({ length: last + 1 }, (_, at) => words.slice(at, at + size).join(' ')))
}

describe('ignore_adjacent_overlap', () => {
  const random = randomFrom(13)
  const word = () => `w${Math.floor(random() * 100_000)}`
  const sentence = () => `${Array.from({ length: 12 }, word).join(' ')}.`
  const text = Array.from({ length: 60 }, sentence).join(' ')
  const windows = (size: number, step: number) =>
    Array.from({ length: Math.floor((text.length - size) / step) + 1 }, (_, i) =>
      text.slice(i * step, i * step + size),
    )
  const redundancies = (contents: readonly string[], ignore_adjacent_overlap: boolean) =>
    analysed(contents, { ignore_adjacent_overlap }).map(({ metrics }) => metrics.redundancy_score)

  test('overlooks what a window has cut twice, however large its overlap', () => {
    for (const step of [100, 300, 450]) {
      const contents = windows(600, step)
      assert.ok(
        redundancies(contents, false).some((score) => score > 0.2),
        `step ${step}`,
      )
      assert.ok(
        redundancies(contents, true).every((score) => score < 0.1),
        `step ${step}`,
      )
    }
  })

  test('sees what stands elsewhere, and copies', () => {
    const contents = windows(600, 450)
    const copied = [...contents, contents[1]!]
    const scores = redundancies(copied, true)
    assert.ok((scores[1] ?? 0) > 0.9 && (scores.at(-1) ?? 0) > 0.9)
    assert.ok((scores[4] ?? 1) < 0.1)
    assert.deepEqual(redundancies([contents[0]!, contents[0]!], true), [1, 1])
  })

  test('is of one source only', () => {
    const [one, two] = windows(600, 300)
    const options = optionsInForce({ ignore_adjacent_overlap: true })
    const scores = (source: string) =>
      analyse(
        [
          { chunk_id: 'a', content: one!, metadata: { source_file: 'a' } },
          { chunk_id: 'b', content: two!, metadata: { source_file: source } },
        ],
        options,
      ).chunks.map(({ metrics }) => metrics.redundancy_score)
    assert.ok(scores('a').every((score) => score < 0.1))
    assert.ok(scores('b').every((score) => score > 0.3))
  })

  test('finds the longest overlap, in any script', () => {
    assert.equal(overlapOf('one two three', 'two three four'), 9)
    assert.equal(overlapOf('one two three \n', '  three four'), 5)
    assert.equal(overlapOf('天地玄黃，宇宙洪荒。', '宇宙洪荒。日月盈昃'), 5)
    assert.equal(overlapOf('aaaa', 'aaaa'), 3)
    assert.equal(overlapOf('same', 'same'), 0)
    assert.equal(overlapOf('one', 'two'), 0)
    assert.equal(overlapOf('', 'x'), 0)
    const random = randomFrom(12)
    const word = () =>
      Array.from({ length: random() * 9 }, () => 'ab'[Math.floor(random() * 2)]).join('')
    for (let round = 0; round < 2_000; round++) {
      const [one, two] = [word(), word()]
      const longest = Math.max(0, Math.min(one.length, two.length) - 1)
      const found = Array.from({ length: longest }, (_, i) => longest - i).find((length) =>
        one.endsWith(two.slice(0, length)),
      )
      assert.equal(overlapOf(one, two), found ?? 0, `${one} ${two}`)
    }
  })
})
