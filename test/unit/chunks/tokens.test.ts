import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { hashOf } from '#domain/chunks/hashes.ts'
import { similarityOf } from '#domain/chunks/similarity.ts'
import { estimateTokens } from '#domain/chunks/token-estimate.ts'
import { tokenize } from '#domain/chunks/tokens.ts'
import { Vocabulary } from '#domain/chunks/vocabulary.ts'
import { randomFrom } from './random.ts'
import { read } from './reading.ts'
import { WHOLE } from './texts.ts'

describe('tokens', () => {
  test('are words where words are spaced, and pairs of characters elsewhere', () => {
    assert.deepEqual(read('Don’t stop, naïve 42!').texts, ["don't", 'stop', 'naïve', '42'])
    assert.deepEqual(read('千里之行').texts, ['千里', '里之', '之行'])
    assert.deepEqual(read('GPT4モデル。').texts, ['gpt4', 'モデ', 'デル'])
    assert.deepEqual(read('하늘을 점').texts, ['하늘', '늘을', '점'])
    assert.deepEqual(read('ดีมาก').texts, ['ดี', 'ีม', 'มา', 'าก'])
    assert.deepEqual(read('😀 👍🏽').texts, ['😀', '👍', '🏽'])
    assert.deepEqual(read(' \n.').texts, ['.'])
    assert.deepEqual(read(' \u200b\n').texts, [])
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
      assert.deepEqual(read(a).texts, read(b).texts)
      assert.equal(similarityOf(a, b).similarity_score, 1)
    }
  })

  test('have the offsets of the original text', () => {
    const text = ' Ünder ＡＢＣ 한국어'.normalize('NFD')
    const { texts, starts, ends } = read(text)
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
      const { texts, starts, ends } = read(text)
      texts.forEach((token, i) => {
        assert.notEqual(token, '')
        assert.ok(starts[i]! < ends[i]! && ends[i]! <= text.length, JSON.stringify(text))
        assert.ok(i === 0 || starts[i]! >= starts[i - 1]!, JSON.stringify(text))
      })
    }
  })

  test('know where the same token stood before', () => {
    assert.deepEqual([...read('The cat, the CAT; a dog.').previous], [-1, -1, 0, 1, -1, -1])
    const vocabulary = new Vocabulary()
    const [one, two] = ['a b a', 'b a b'].map((text) => tokenize(text, vocabulary))
    assert.deepEqual(
      [[...one!.previous], [...two!.previous]],
      [
        [-1, -1, 0],
        [-1, -1, 0],
      ],
    )
    assert.deepEqual(
      [[...one!.ids], [...two!.ids]],
      [
        [0, 1, 0],
        [1, 0, 1],
      ],
    )
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

describe('a vocabulary', () => {
  test('gives each token one number and its own hash, however many there are', () => {
    const vocabulary = new Vocabulary()
    const words = Array.from({ length: 5_000 }, (_, i) => `W${i.toString(36)}`)
    const text = [...words, ...words].join(' ')
    const { ids } = tokenize(text, vocabulary)
    assert.equal(vocabulary.size, 5_000)
    words.forEach((word, i) => {
      assert.deepEqual([ids[i], ids[i + 5_000]], [i, i])
      assert.equal(vocabulary.textOf(i), word.toLowerCase())
      assert.equal(vocabulary.idOf(word.toLowerCase()), i)
      assert.equal(vocabulary.hashOf(i), hashOf(word.toLowerCase()))
    })
  })

  test('tells tokens apart that were made to collide, before and after it grows', () => {
    const colliding = collisions(64)
    assert.equal(new Set(colliding.map((word) => hashOf(word) & COLLIDING)).size, 1)
    const vocabulary = new Vocabulary()
    const others = Array.from({ length: 400 }, (_, i) => `other${i}`)
    const words = [...colliding, ...others, ...colliding]
    const { ids } = tokenize(words.join(' '), vocabulary)
    assert.equal(vocabulary.size, 464)
    words.forEach((word, i) => {
      assert.equal(vocabulary.textOf(ids[i]!), word)
      assert.equal(vocabulary.idOf(word), ids[i])
    })
  })
})

/** Of the hash, all that any table of these tests looks at. */
const COLLIDING = 0x7ff

function collisions(count: number): readonly string[] {
  const found: string[] = []
  for (let i = 0; found.length < count; i++) {
    const word = `c${i.toString(36)}`
    if ((hashOf(word) & COLLIDING) === 1) found.push(word)
  }
  return found
}

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
