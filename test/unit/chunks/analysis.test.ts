import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { analyse } from '#domain/chunks/analysis.ts'
import { told } from '#domain/chunks/suggestions.ts'
import { ANALYSIS_OPTIONS, type Chunk } from '#events/chunks.ts'
import { cpuTime } from '../../support/cpu-time.ts'
import { BROKEN, WHOLE } from './texts.ts'

const chunk = (chunk_id: string, content: string): Chunk => ({ chunk_id, content })
const only = (content: string, options = {}) =>
  analyse([chunk('a', content)], { ...ANALYSIS_OPTIONS, ...options }).chunks[0]!

const long = `${WHOLE.english} ${WHOLE.list} ${WHOLE.code}`

describe('an analysis', () => {
  test('speaks of bad quality in the document’s words', () => {
    const [finding] = only('This is a sample chunk content...').findings
    assert.equal(finding?.type, 'quality')
    assert.equal(finding?.priority, 'medium')
    assert.equal(finding?.title, 'Chunk quality needs improvement')
    assert.equal(
      finding?.description,
      'Quality score is 0.52, which is below the recommended threshold of 0.6',
    )
    assert.equal(
      finding?.suggested_action,
      'Review and rewrite the chunk to improve clarity, coherence, and completeness',
    )
  })

  test('finds nothing in good chunks', () => {
    const { chunks, clusters, truncated } = analyse(
      [chunk('a', long), chunk('b', `${WHOLE.russian} ${WHOLE.russian.slice(0, 90)}`)],
      { ...ANALYSIS_OPTIONS, check_redundancy: false },
    )
    assert.deepEqual(
      chunks.map(({ findings }) => findings.filter(({ type }) => type !== 'quality')),
      [[], []],
    )
    assert.deepEqual([clusters, truncated], [[], false])
  })

  test('gives a copy away, with the one to keep', () => {
    const copies = [chunk('b', long), chunk('a', long), chunk('c', WHOLE.chinese)]
    const { chunks, clusters } = analyse(copies, ANALYSIS_OPTIONS)
    assert.deepEqual(clusters, [{ keeper: 'b', duplicates: ['a'] }])
    const [first, second] = chunks
    assert.equal(first?.metrics.similarity_score, 1)
    assert.deepEqual(
      first?.findings.map(({ type, priority, related_chunks }) => [type, priority, related_chunks]),
      [
        ['redundancy', 'high', ['a']],
        ['similarity', 'high', ['a']],
      ],
    )
    assert.deepEqual(second?.findings[0]?.plan, {
      action: 'trim',
      spans: [{ start: 0, end: long.length, kept_in: 'b' }],
    })
  })

  test('looks only at what it is told to look at', () => {
    const none = {
      check_quality: false,
      check_redundancy: false,
      check_size: false,
      check_similarity: false,
    }
    for (const text of Object.values(BROKEN)) assert.deepEqual(only(text, none).findings, [])
    assert.deepEqual(
      only('tiny', { ...none, check_size: true }).findings.map(({ type }) => type),
      ['size'],
    )
  })

  test('offers a split for what is too large, and warns of what a model will not read', () => {
    const large = Array.from({ length: 40 }, (_, i) => `${i}. ${WHOLE.english}`).join('\n')
    const [finding] = only(large).findings.filter(({ type }) => type === 'size')
    assert.equal(finding?.title, 'Chunk is too large')
    assert.ok(finding.plan?.action === 'split' && finding.plan.parts.length > 4)
    const [warning] = only(long, { max_embedding_tokens: 20 }).findings
    assert.deepEqual([warning?.type, warning?.priority], ['size', 'high'])
  })

  test('of a blank chunk is 0 all over, and of the same chunks the same', () => {
    assert.equal(only(' \n').metrics.overall_score, 0)
    const chunks = Object.entries({ ...WHOLE, ...BROKEN }).map(([id, text]) => chunk(id, text))
    assert.deepEqual(analyse(chunks, ANALYSIS_OPTIONS), analyse(chunks, ANALYSIS_OPTIONS))
  })

  test('stays within its time, whatever it is given, and says where it stopped', () => {
    const hostile: Record<string, string> = {
      letters: 'a'.repeat(300_000),
      chinese: '中'.repeat(300_000),
      marks: `a${'\u0301'.repeat(300_000)}`,
      'marks of a letter out of their order': `a${'\u0301\u0323'.repeat(150_000)}`,
      'marks of a character out of their order': `道${'\u0301\u0323'.repeat(150_000)}`,
      'marks of kana out of their order': `か${'\u0345ﾞ'.repeat(150_000)}`,
      exclamations: `${'!'.repeat(300_000)}x`,
      quotes: `.${'"'.repeat(300_000)}x`,
      brackets: '('.repeat(300_000),
      words: 'a b '.repeat(75_000),
      addresses: 'http://'.repeat(40_000),
      invisible: '\u200b'.repeat(300_000),
    }
    for (const [name, text] of Object.entries(hostile)) {
      const before = cpuTime()
      only(text)
      assert.ok(cpuTime() - before < 10_000, name)
    }
    const same = Array.from({ length: 20_000 }, (_, i) => chunk(`c${i}`, 'hello'))
    const before = cpuTime()
    const found = analyse(same, ANALYSIS_OPTIONS).chunks[7]?.findings ?? []
    assert.equal(found.find(({ type }) => type === 'similarity')?.related_total, 19_999)
    assert.ok(cpuTime() - before < 10_000, 'equal chunks')
    const crowd = Array.from({ length: 3_000 }, (_, i) =>
      chunk(`c${i}`, `${WHOLE.english} no${i}.`),
    )
    const { truncated, chunks } = analyse(crowd, ANALYSIS_OPTIONS)
    assert.equal(truncated, true)
    assert.ok(chunks.every(({ metrics }) => metrics.similarity_score > 0.9))
  })
})

test('a score that decided is told apart from its limit', () => {
  assert.equal(told(0.5999, 0.6), '0.5999')
  assert.equal(told(0.55, 0.6), '0.55')
  assert.equal(told(0.85, 0.85), '0.85')
})
