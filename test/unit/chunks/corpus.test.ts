/** How chunks are recognised by what was kept of them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { analyse } from '#domain/chunks/analysis.ts'
import { setsOf, stepsTo, type CorpusChunk } from '#domain/chunks/corpus.ts'
import { keysFor, TOKENS_MAX } from '#domain/chunks/fingerprint.ts'
import { signatureOf } from '#domain/chunks/minhash.ts'
import { ANALYSIS_OPTIONS } from '#events/chunks.ts'
import { sealedFingerprint } from '../../../apps/handler/fingerprints.ts'
import { randomFrom } from './random.ts'
import { fingerprint as fingerprintIn, read } from './reading.ts'
import { WHOLE } from './texts.ts'

const fingerprint = (text: string) => fingerprintIn(text)!
const meet = (a: Int32Array, b: Int32Array) => a.some((key) => b.includes(key))

describe('a fingerprint', () => {
  const random = randomFrom(6)
  const words = (count: number) =>
    Array.from({ length: count }, () => `w${Math.floor(random() * 50_000)}`)

  test('shares a band with that of a similar text, and none with another’s', () => {
    let found = 0
    let mistaken = 0
    for (let round = 0; round < 200; round++) {
      const text = words(120)
      const edited = text.map((word, i) => (i % 25 === 0 ? `x${word}` : word))
      const { keys } = fingerprint(text.join(' '))
      if (meet(keys.bands, fingerprint(edited.join(' ')).keys.bands)) found++
      if (meet(keys.bands, fingerprint(words(120).join(' ')).keys.bands)) mistaken++
      if (meet(keysFor('ada', keys).bands, keysFor('eve', keys).bands)) mistaken++
      if (meet(keysFor('ada', keys).same, keysFor('eve', keys).same)) mistaken++
    }
    assert.ok(found >= 196, `${found} of 200`)
    assert.equal(mistaken, 0)
  })

  test('shares a key of its own with that of a text of the same tokens', () => {
    const same = (text: string) => fingerprint(text).keys.same[0]
    assert.equal(same('The mouse, the hedge.'), same('the HEDGE the mouse'))
    assert.notEqual(same('The mouse, the hedge.'), same('The mouse, the hedges.'))
  })

  test('always meets that of a text with which it shares a passage of 39 tokens', () => {
    for (let round = 0; round < 200; round++) {
      const passage = words(39)
      const one = [...words(60), ...passage, ...words(50)]
      const two = [...words(round), ...passage, ...words(80)]
      const [a, b] = [fingerprint(one.join(' ')), fingerprint(two.join(' '))]
      assert.ok(meet(a.keys.passages, b.keys.passages), `round ${round}`)
    }
    assert.ok(
      !meet(fingerprint(WHOLE.russian).keys.passages, fingerprint(WHOLE.chinese).keys.passages),
    )
  })

  test('agrees in as many values as the texts have in common', () => {
    const text = Array.from({ length: 200 }, (_, i) => `w${i}`)
    const signature = (part: readonly string[]) => signatureOf(fingerprint(part.join(' ')).tokens)
    const one = signature(text.slice(0, 150))
    const two = signature(text.slice(50))
    const agreed = one.filter((value, i) => value === two[i]).length / one.length
    assert.ok(Math.abs(agreed - 0.5) < 0.15, String(agreed))
  })

  test('stays what it is, since it is stored', () => {
    const { keys, ...hashes } = fingerprint(WHOLE.english)
    const { bands, passages } = keys
    const { tokens, grams } = setsOf(hashes.tokens)
    assert.deepEqual(
      [...tokens.slice(0, 2), ...grams.slice(0, 2)],
      [154_830, 526_048, 371_075, 480_877],
    )
    assert.deepEqual([bands[0], passages[0]], [838_069_897, 371_075])
  })

  test('takes less than 900 bytes of a chunk of 150 words', () => {
    const sealed = sealedFingerprint(fingerprint(words(150).join(' ')), 'ada')
    const bytes = JSON.stringify({ fingerprint: sealed }).length
    assert.ok(bytes < 900, `${bytes} bytes`)
  })

  test('has no more to compare for what is said again and again', () => {
    assert.ok(setsOf(fingerprint('a b '.repeat(2_000)).tokens).grams.length <= 2)
    const { grams } = setsOf(fingerprint(WHOLE.english).tokens)
    const twice = fingerprint(`${WHOLE.english} ${WHOLE.english}`)
    assert.equal(setsOf(twice.tokens).grams.length, grams.length + 7)
  })

  test('is none of a text that has no tokens or very many', () => {
    assert.equal(fingerprint(''), undefined)
    assert.ok(fingerprint(words(TOKENS_MAX).join(' ')))
    assert.equal(fingerprint(words(TOKENS_MAX + 1).join(' ')), undefined)
  })
})

describe('an analysis with a corpus', () => {
  const stored = (content: string, document_id?: string): CorpusChunk => {
    const sets = setsOf(fingerprint(content).tokens)
    return { chunk_id: 'b', ...(document_id !== undefined && { document_id }), ...sets }
  }
  const against = (content: string, near: readonly CorpusChunk[], options = {}) =>
    analyse([{ chunk_id: 'a', content }], { ...ANALYSIS_OPTIONS, ...options }, [near]).chunks[0]!

  test('finds the twins of a chunk in other documents, in any script', () => {
    for (const [script, text] of Object.entries(WHOLE)) {
      const { metrics, findings } = against(text, [stored(text, 'other'), stored('Quite new.')])
      assert.equal(metrics.similarity_score, 1, script)
      assert.equal(metrics.redundancy_score, 1, script)
      const similar = findings.find(({ type }) => type === 'similarity')
      assert.deepEqual(similar?.related, [
        { chunk_id: 'b', document_id: 'other', similarity: 1, containment: 1 },
      ])
      assert.deepEqual([similar?.related_chunks, similar?.related_total], [['b'], 1])
    }
  })

  test('counts as redundant what any of them has too, and no more', () => {
    const [one, two, own] = [0, 1, 2].map((n) =>
      Array.from({ length: 50 }, (_, i) => `w${n}x${i}`).join(' '),
    )
    const near = [stored(`${one} and so on`), stored(`so ${two}`, 'other')]
    const { metrics, findings } = against(`${one} ${own} ${two}`, near)
    assert.equal(metrics.redundancy_score, Math.round((100 / 150) * 1e6) / 1e6)
    assert.ok(metrics.similarity_score < 0.4)
    const redundant = findings.find(({ type }) => type === 'redundancy')
    assert.deepEqual(
      redundant?.related?.map(({ similarity, containment }) => [similarity, containment]),
      [
        [50 / 153, 50 / 53],
        [50 / 151, 50 / 51],
      ].map((scores) => scores.map((score) => Math.round(score * 1e6) / 1e6)),
    )
    assert.equal(redundant?.plan, undefined)
  })

  test('tells a part from a twin, whichever of both is the part', () => {
    const part = WHOLE.english
    const all = `${part} ${WHOLE.russian}`
    for (const [one, other] of [
      [part, all],
      [all, part],
    ] as const) {
      const [there] =
        against(one, [stored(other)], { similarity_threshold: 0.1 }).findings.find(
          ({ type }) => type === 'similarity',
        )?.related ?? []
      assert.equal(there?.containment, 1)
      assert.ok(there.similarity < 0.7)
    }
  })

  test('takes a short chunk for redundant if another one equals it', () => {
    assert.equal(against('Hello world', [stored('hello, WORLD!')]).metrics.redundancy_score, 1)
    assert.equal(against('Hello world', [stored('Hello moon')]).metrics.redundancy_score, 0)
  })

  test('tells no more of them than of its own, and counts the others', () => {
    const near = Array.from({ length: 30 }, (_, i) => stored(WHOLE.english, `d${i}`))
    const similar = against(WHOLE.english, near).findings.find(({ type }) => type === 'similarity')
    assert.deepEqual([similar?.related?.length, similar?.related_total], [20, 30])
  })

  test('looks only at what it is told to look at, and takes nothing from what is near only', () => {
    const off = { check_similarity: false, check_redundancy: false }
    const { metrics } = against(WHOLE.english, [stored(WHOLE.english)], off)
    assert.deepEqual([metrics.similarity_score, metrics.redundancy_score], [0, 0])
    assert.deepEqual(against(WHOLE.english, [stored(WHOLE.russian)]), against(WHOLE.english, []))
  })

  test('compares as many as its budget has steps for, and says so', () => {
    const near = Array.from({ length: 10 }, (_, i) => stored(WHOLE.english, `d${i}`))
    const steps = stepsTo(read(WHOLE.english), near[0]!)
    for (const [budget, compared, isCut] of [
      [3.5 * steps, 3, true],
      [10.5 * steps, 10, false],
    ] as const) {
      const chunks = [{ chunk_id: 'a', content: WHOLE.english }]
      const analysis = analyse(chunks, ANALYSIS_OPTIONS, [near], budget)
      const similar = analysis.chunks[0]?.findings.find(({ type }) => type === 'similarity')
      assert.deepEqual([similar?.related_total, analysis.truncated], [compared, isCut])
    }
  })
})
