import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { similarityOf } from '#domain/chunks/similarity.ts'
import { Comparisons } from '../../../apps/edge/chunks/comparisons.ts'

const words = (count: number, from: number) =>
  Array.from({ length: count }, (_, i) => `w${(i + from).toString(36)}`).join(' ')

describe('a comparison', () => {
  test('of long texts lets the process go on meanwhile', async () => {
    await using comparisons = new Comparisons()
    const [content1, content2] = [words(50_000, 0), words(50_000, 500)]
    const compared = comparisons.of({ content1, content2, shingle_size: 2 })
    assert.ok(compared instanceof Promise)
    assert.deepEqual(await compared, similarityOf(content1, content2, 2))
  })

  test('of short texts is done at once, and of what is none is refused', async () => {
    await using comparisons = new Comparisons()
    const texts = { content1: 'a b c', content2: 'a b d' }
    assert.deepEqual(comparisons.of(texts), similarityOf('a b c', 'a b d'))
    assert.throws(() => comparisons.of({ ...texts, shingle_size: 6 }), /must be <= 5/)
  })
})
