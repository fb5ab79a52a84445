/** Real documents in four languages, whose plans can be carried out. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { analyse } from '#domain/chunks/analysis.ts'
import { optionsInForce, type GivenOptions } from '#domain/chunks/options.ts'
import { splitPlan } from '#domain/chunks/split-plan.ts'
import type { Chunk } from '#events/chunks.ts'

interface Document {
  readonly document_id: string
  readonly chunks: readonly Chunk[]
}

const read = (name: string): Document => {
  const path = new URL(`../../data/documents/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(path, 'utf8')) as Document
}
const LANGUAGES = ['aesop', 'neko', 'lunyu', 'unsu']
const analysed = (name: string, given?: GivenOptions) =>
  analyse(read(name).chunks, optionsInForce(given)).chunks

describe('a real document', () => {
  test('that was cut by its paragraphs or sayings is of good quality', () => {
    for (const name of LANGUAGES.slice(1)) {
      for (const { metrics } of analysed(name)) {
        assert.ok(metrics.quality_score >= 0.6, JSON.stringify(metrics))
        assert.ok(metrics.redundancy_score < 0.2, JSON.stringify(metrics))
      }
    }
  })

  test('that was cut blindly is not, and its window is overlooked when asked', () => {
    const blind = analysed('aesop')
    assert.ok(blind.filter(({ metrics }) => metrics.quality_score < 0.6).length >= 4)
    assert.ok(blind.filter(({ metrics }) => metrics.redundancy_score > 0.15).length >= 4)
    const overlooked = analysed('aesop', { ignore_adjacent_overlap: true })
    assert.ok(overlooked.every(({ metrics }) => metrics.redundancy_score < 0.15))
  })

  test('is split at the ends of its sentences, in any language', () => {
    for (const name of LANGUAGES.slice(1)) {
      const text = read(name)
        .chunks.map(({ content }) => content)
        .join('\n')
      const parts = splitPlan(text, { low: 64, high: 160 })
      const texts = parts.map(({ start, end }) => text.slice(start, end))
      assert.equal(texts.join(''), text)
      assert.ok(parts.length >= 4, name)
      for (const part of texts) assert.match(part.trimEnd(), /[。.！!？?][”」』]?$/u, name)
    }
  })
})
