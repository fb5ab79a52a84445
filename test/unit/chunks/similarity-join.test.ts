import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { similarityJoin } from '#domain/chunks/similarity-join.ts'
import { tokenSets } from '#domain/chunks/token-sets.ts'
import { findTwins, relatedBy, STEPS_BUDGET } from '#domain/chunks/twins.ts'
import { cpuTime } from '../../support/cpu-time.ts'
import { randomFrom } from './random.ts'

const setOf = (tokens: Iterable<number>) => Int32Array.from(new Set(tokens))

/** Skewed as words are, with copies of which some tokens are changed. */
function randomSets(seed: number, count: number, vocabulary: number, length: number): Int32Array[] {
  const random = randomFrom(seed)
  const word = () => Math.floor(vocabulary * random() ** 3)
  const sets: Int32Array[] = []
  for (let i = 0; i < count; i++) {
    const twin = sets[Math.floor(random() * sets.length)]
    const size = Math.floor(random() * length)
    if (twin !== undefined && random() < 0.4) {
      sets.push(setOf([...twin].map((token) => (random() < 0.1 ? word() : token))))
    } else sets.push(setOf(Array.from({ length: size }, word)))
  }
  return sets
}

function similarity(a: Int32Array, b: Int32Array): number {
  const tokens = new Set(b)
  const inter = a.filter((token) => tokens.has(token)).length
  return a.length + b.length === 0 ? 0 : inter / (a.length + b.length - inter)
}

/** The naive loop: every set beside every other. */
function naive(sets: readonly Int32Array[], threshold: number): string[] {
  const pairs: string[] = []
  for (let i = 0; i < sets.length; i++) {
    for (let j = 0; j < i; j++) {
      const score = similarity(sets[i]!, sets[j]!)
      if (sets[i]!.length > 0 && score >= threshold - 1e-9) pairs.push(`${j} ${i} ${score}`)
    }
  }
  return pairs.sort()
}

function joined(sets: readonly Int32Array[], vocabulary: number, threshold: number) {
  const laidOut = tokenSets(sets, vocabulary)
  const pairs: string[] = []
  const tell = (a: number, b: number, score: number) =>
    pairs.push(`${Math.min(a, b)} ${Math.max(a, b)} ${score}`)
  for (const members of laidOut.members) {
    members.forEach((b, i) => members.slice(0, i).forEach((a) => tell(a, b, 1)))
  }
  const { truncated } = similarityJoin(laidOut, threshold, STEPS_BUDGET, (row, other, score) => {
    for (const a of laidOut.members[row]!)
      for (const b of laidOut.members[other]!) tell(a, b, score)
  })
  return { pairs: pairs.sort(), truncated }
}

describe('the similarity join', () => {
  test('finds the pairs that the naive loop finds, whatever the threshold', () => {
    let pairs = 0
    for (let seed = 1; seed <= 400; seed++) {
      const length = [2, 5, 30][seed % 3]!
      const sets = randomSets(seed, 40, 60, length)
      const threshold = 0.1 + 0.9 * ((seed % 19) / 18)
      const found = joined(sets, 60, threshold)
      assert.equal(found.truncated, false)
      assert.deepEqual(found.pairs, naive(sets, threshold), `seed ${seed}`)
      pairs += found.pairs.length
    }
    assert.ok(pairs > 1_000, `${pairs} pairs are too few to prove anything`)
  })

  test('counts a pair that is exactly at the threshold', () => {
    const shared = Array.from({ length: 17 }, (_, i) => i)
    const sets = [setOf([...shared, 17, 18, 19]), setOf(shared)]
    assert.deepEqual(joined(sets, 20, 0.85).pairs, ['0 1 0.85'])
  })

  test('is many times faster than the naive loop', () => {
    const sets = randomSets(7, 1_500, 20_000, 150)
    const naiveMs = timeOf(() => naive(sets.slice(0, 300), 0.85)) * (1_500 / 300) ** 2
    const ownMs = timeOf(() => joined(sets, 20_000, 0.85))
    assert.ok(ownMs * 10 < naiveMs, `${ownMs} ms against ${naiveMs} ms`)
  })

  test('does no more than its budget allows, and says so', () => {
    const sets = randomSets(3, 2_000, 130, 120)
    const laidOut = tokenSets(sets, 130)
    const { steps, truncated } = similarityJoin(laidOut, 0.3, 1_000_000, () => undefined)
    assert.equal(truncated, true)
    assert.ok(steps < 1_100_000, `${steps} steps`)
  })

  test('does not tell all the pairs of a crowd', () => {
    const base = Array.from({ length: 100 }, (_, i) => i)
    const sets = Array.from({ length: 3_000 }, (_, i) => setOf([...base, 100 + i]))
    let pairs = 0
    const laidOut = tokenSets(sets, 4_000)
    const { truncated } = similarityJoin(laidOut, 0.85, STEPS_BUDGET, () => pairs++)
    assert.equal(truncated, true)
    assert.ok(pairs < 3_000 * 70, `${pairs} pairs`)
    const { nearest } = findTwins(sets, 4_000, 0.85)
    assert.ok(
      nearest.every((score) => score > 0.98),
      'each has found a twin',
    )
  })
})

describe('the twins of a text', () => {
  test('the nearest is exact below the threshold too', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const sets = randomSets(seed, 40, 60, 30)
      const { nearest, floor } = findTwins(sets, 60, 0.85)
      assert.equal(floor, 0)
      sets.forEach((set, i) => {
        const others = sets.filter((_, j) => j !== i)
        const expected = Math.max(...others.map((other) => similarity(set, other)))
        assert.ok(Math.abs(nearest[i]! - expected) < 1e-12, `seed ${seed}, set ${i}`)
      })
    }
  })

  test('do not depend on the order of the texts', () => {
    const sets = randomSets(5, 300, 200, 40)
    const order = sets.map((_, i) => (i * 7 + 3) % sets.length)
    const straight = findTwins(sets, 200, 0.5)
    const shuffled = findTwins(
      order.map((i) => sets[i]!),
      200,
      0.5,
    )
    order.forEach((i, at) => {
      assert.equal(shuffled.nearest[at], straight.nearest[i])
      assert.deepEqual(
        relatedBy(shuffled, (index) => `c${order[index]}`, 20)(at),
        relatedBy(straight, (index) => `c${index}`, 20)(i),
      )
    })
  })

  test('are listed with the most similar first, equals by their ids, and all are counted', () => {
    const base = Array.from({ length: 40 }, (_, i) => i)
    const sets = [base, [...base, 40], base, base, [...base, 40, 41]].map(setOf)
    const twins = findTwins(sets, 42, 0.85)
    assert.deepEqual(relatedBy(twins, (i) => `c${9 - i}`, 3)(0), {
      ids: ['c6', 'c7', 'c8'],
      total: 4,
    })
    assert.equal(twins.nearest[0], 1)
  })

  test('an empty text has none', () => {
    const twins = findTwins([setOf([]), setOf([]), setOf([1])], 2, 0.85)
    assert.deepEqual([...twins.nearest], [0, 0, 0])
    assert.deepEqual(relatedBy(twins, String, 20)(0), { ids: [], total: 0 })
  })
})

function timeOf(work: () => unknown): number {
  const before = cpuTime()
  work()
  return cpuTime() - before
}
