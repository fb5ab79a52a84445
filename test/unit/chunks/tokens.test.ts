import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { similarityOf } from '#domain/chunks/similarity.ts'
import { estimateTokens } from '#domain/chunks/token-estimate.ts'
import { tokenize } from '#domain/chunks/tokens.ts'
import { randomFrom } from './random.ts'
import { WHOLE } from './texts.ts'

describe('tokens', () => {
  test('are words where words are spaced, and pairs of characters elsewhere', () => {
    assert.deepEqual(tokenize('Don’t stop, naïve 42!').texts, ["don't", 'stop', 'naïve', '42'])
    assert.deepEqual(tokenize('千里之行').texts, ['千里', '里之', '之行'])
    assert.deepEqual(tokenize('GPT4モデル。').texts, ['gpt4', 'モデ', 'デル'])
    assert.deepEqual(tokenize('하늘을 점').texts, ['하늘', '늘을', '점'])
    assert.deepEqual(tokenize('ดีมาก').texts, ['ดี', 'ีม', 'มา', 'าก'])
    assert.deepEqual(tokenize('😀 👍🏽').texts, ['😀', '👍', '🏽'])
    assert.deepEqual(tokenize(' \n.').texts, ['.'])
    assert.deepEqual(tokenize(' \u200b\n').texts, [])
  })

  test('do not tell apart what only looks different', () => {
    const same: [string, string][] = [
      ['ÉCOLE Straße ΟΔΟΣ', 'école STRASSE οδος'.normalize('NFD')],
      ['각하 한국어', '각하 한국어'.normalize('NFD')],
      ['ＡＢＣ １２', 'abc 12'],
      ['ﾊﾟﾝﾀﾞ', 'パンダ'],
      ['soft\u00adhyphen zero\u200bwidth', 'softhyphen zerowidth'],
      ['İstanbul', 'istanbul'],
      ['漢\u200b字𠮷野家', '漢字𠮷野家'],
    ]
    for (const [a, b] of same) {
      assert.deepEqual(tokenize(a).texts, tokenize(b).texts)
      assert.equal(similarityOf(a, b).similarity_score, 1)
    }
  })

  test('have the offsets of the original text', () => {
    const text = ' Ünder ＡＢＣ 한국어'.normalize('NFD')
    const { texts, starts, ends } = tokenize(text)
    texts.forEach((token, i) => {
      const original = text.slice(starts[i], ends[i])
      assert.equal(original.normalize('NFKC').toLowerCase(), token)
    })
  })

  test('of any text are within it, in order', () => {
    const alphabet = [..."aZ1é’'-.\u0301\u200b 漢カﾊﾟ한ั\n😀\ud800", 'ﬁ', '\u1112\u1161', 'İ']
    const random = randomFrom(1)
    for (let round = 0; round < 3_000; round++) {
      const length = Math.floor(random() * 12)
      const text = Array.from(
        { length },
        () => alphabet[Math.floor(random() * alphabet.length)],
      ).join('')
      const { texts, starts, ends } = tokenize(text)
      texts.forEach((token, i) => {
        assert.notEqual(token, '')
        assert.ok(starts[i]! < ends[i]! && ends[i]! <= text.length, JSON.stringify(text))
        assert.ok(i === 0 || starts[i]! >= starts[i - 1]!, JSON.stringify(text))
      })
    }
  })

  test('are estimated within a fifth of what a model counts', () => {
    // Counted with o200k_base.
    const counted: [string, number][] = [
      ['The quick brown fox jumps over the lazy dog.', 10],
      ['The harvest mouse builds its nest high among the stalks of wheat.', 13],
    ]
    for (const [text, tokens] of counted) {
      const estimate = estimateTokens(text)
      assert.ok(Math.abs(estimate - tokens) <= tokens / 5, `${estimate} for ${tokens}`)
    }
    assert.equal(estimateTokens(''), 0)
    assert.equal(estimateTokens(' \n\t '), 0)
    assert.equal(estimateTokens('!'), 1)
    for (const text of Object.values(WHOLE)) assert.ok(estimateTokens(text) > 15)
  })
})

describe('the similarity of two texts', () => {
  test('of the document is the share of common words', () => {
    const { similarity_score, method, details } = similarityOf(
      'This is the first chunk content...',
      'This is the second chunk content...',
    )
    assert.deepEqual([similarity_score, method], [0.714286, 'jaccard'])
    assert.deepEqual([details.intersection, details.union], [5, 7])
  })

  test('is the same both ways, from 0 to 1, and reproduced by its counts', () => {
    const words = ['one', 'two', '三四', 'пять', '다섯', '!']
    const random = randomFrom(2)
    const text = () =>
      Array.from(
        { length: 1 + random() * 6 },
        () => words[Math.floor(random() * words.length)],
      ).join(' ')
    for (let round = 0; round < 500; round++) {
      const [a, b] = [text(), text()]
      const { similarity_score: score, details } = similarityOf(a, b)
      assert.equal(similarityOf(b, a).similarity_score, score)
      assert.ok(score >= 0 && score <= 1)
      assert.ok(Math.abs(score - details.intersection / details.union) < 5e-7)
      assert.equal(similarityOf(a, a).similarity_score, 1)
    }
    assert.equal(similarityOf('', ' ').similarity_score, 0)
  })
})
