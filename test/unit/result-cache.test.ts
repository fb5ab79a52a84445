import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalJson } from '#domain/canonical-json.ts'
import { Problem } from '#domain/problem.ts'
import type { Json } from '#events/json.ts'
import {
  cacheKey,
  parseCacheControl,
  ResultCache,
  type Produced,
} from '../../apps/edge/cache/result-cache.ts'

const HOUR = parseCacheControl(undefined)
const FRESH = parseCacheControl('no-cache')
const maxAge = (seconds: number) => parseCacheControl(`max-age=${seconds}`)

function cacheAt(maxBytes?: number) {
  let now = 1_000_000
  const cache = new ResultCache({ now: () => now, ...(maxBytes !== undefined && { maxBytes }) })
  let runs = 0
  return {
    cache,
    pass: (seconds: number) => (now += seconds * 1_000),
    /** Each run answers with its number. */
    ask: (control = HOUR, key = 'k', cacheable = true) =>
      cache.through(key, control, async () => ({ text: String(++runs), cacheable })),
  }
}

/** A run that ends when the test says so. */
function pending() {
  const { promise, resolve, reject } = Promise.withResolvers<Produced>()
  let runs = 0
  const produce = () => {
    runs++
    return promise
  }
  return { produce, resolve, reject, runs: () => runs }
}

describe('X-Cache-Control', () => {
  it('is an hour by default, and says no-cache or max-age', () => {
    assert.deepEqual(parseCacheControl(undefined), { noCache: false, maxAgeS: 3_600 })
    assert.deepEqual(parseCacheControl('No-Cache'), { noCache: true, maxAgeS: 3_600 })
    assert.deepEqual(parseCacheControl(' max-age=0 '), { noCache: false, maxAgeS: 0 })
    assert.deepEqual(parseCacheControl('max-age=86400'), { noCache: false, maxAgeS: 86_400 })
    assert.deepEqual(parseCacheControl('no-cache, max-age=60'), { noCache: true, maxAgeS: 60 })
  })

  for (const header of [
    '',
    'no-store',
    'max-age',
    'max-age=',
    'max-age=-1',
    'max-age=1.5',
    'max-age=86401',
    'max-age=99999999999999999999',
    'max-age="60"',
    'max-age=1, max-age=2',
    'no-cache, no-cache',
    'no-cache,',
    'max-age=60; private',
  ]) {
    it(`refuses ${JSON.stringify(header)} and names the header`, () => {
      assert.throws(
        () => parseCacheControl(header),
        (error) =>
          error instanceof Problem &&
          error.code === 'INVALID_REQUEST' &&
          error.message.includes('X-Cache-Control'),
      )
    })
  }
})

describe('the key of a result', () => {
  const parts = { owner: 'ada', functionId: 1, version: 1, params: { a: 1, b: [2] }, context: {} }

  it('is the same for the same JSON, however its keys are ordered', () => {
    const other = { ...parts, params: { b: [2], a: 1 } }
    assert.equal(cacheKey(parts), cacheKey(other))
    assert.equal(cacheKey({ ...parts, session: undefined }), cacheKey(parts))
  })

  it('differs with everything that a result depends on', () => {
    const keys = [
      parts,
      { ...parts, owner: 'bob' },
      { ...parts, functionId: 2 },
      { ...parts, version: 2 },
      { ...parts, params: { a: 1, b: [3] } },
      { ...parts, params: { a: '1', b: [2] } },
      { ...parts, params: [{ a: 1, b: [2] }] },
      { ...parts, params: {}, context: { a: 1, b: [2] } },
      { ...parts, context: { user_id: 'ada' } },
      { ...parts, session: 's1' },
      { ...parts, session: 's2' },
      { ...parts, params: JSON.parse('{"a":1,"b":[2],"__proto__":{}}') as Json },
    ].map(cacheKey)
    assert.equal(new Set(keys).size, keys.length)
  })

  it('is over JSON as RFC 8785 writes it', () => {
    const source = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001,-0],' +
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false],' +
        '"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}',
    ) as Json
    assert.equal(
      canonicalJson(source),
      '{"\\r":2,"1":4,"literals":[null,true,false],' +
        '"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/","\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
    )
  })
})

describe('the result cache', () => {
  it('answers from memory until the result is as old as it was stored for', async () => {
    const { ask, pass, cache } = cacheAt()
    assert.deepEqual(await ask(), { text: '1', cached: false })
    pass(3_599)
    assert.deepEqual(await ask(), { text: '1', cached: true })
    pass(1)
    assert.deepEqual(await ask(), { text: '2', cached: false })
    const { entries, bytes, ...counts } = cache.stats().memory
    assert.deepEqual(counts, { hits: 1, misses: 2, sets: 2, deletes: 0 })
    assert.ok(entries === 1 && bytes > 0)
  })

  it('gives nobody a result that is older than they accept', async () => {
    const { ask, pass } = cacheAt()
    await ask()
    pass(10)
    assert.equal((await ask(maxAge(11))).cached, true)
    assert.deepEqual(await ask(maxAge(10)), { text: '2', cached: false })
    pass(9)
    assert.deepEqual(await ask(), { text: '2', cached: true })
    pass(1)
    assert.deepEqual(await ask(), { text: '3', cached: false }, 'stored for ten seconds only')
  })

  it('never reads for no-cache, and keeps its fresh result', async () => {
    const { ask } = cacheAt()
    await ask()
    assert.deepEqual(await ask(FRESH), { text: '2', cached: false })
    assert.deepEqual(await ask(), { text: '2', cached: true })
    assert.deepEqual(await ask(maxAge(0)), { text: '3', cached: false })
    assert.deepEqual(await ask(), { text: '2', cached: true }, 'max-age=0 is kept for no time')
  })

  it('runs once for all who ask the same at once, and calls none of them cached', async () => {
    const { cache } = cacheAt()
    const run = pending()
    const askers = Array.from({ length: 50 }, () => cache.through('k', HOUR, run.produce))
    await Promise.resolve()
    run.resolve({ text: '"one"', cacheable: true })
    for (const found of await Promise.all(askers)) {
      assert.deepEqual(found, { text: '"one"', cached: false })
    }
    assert.equal(run.runs(), 1)
    assert.equal(cache.stats().memory.sets, 1)
  })

  it('lets who wants a fresh result join none that began before', async () => {
    const { cache } = cacheAt()
    const [old, fresh] = [pending(), pending()]
    const first = cache.through('k', HOUR, old.produce)
    const second = cache.through('k', FRESH, fresh.produce)
    const third = cache.through('k', HOUR, old.produce)
    fresh.resolve({ text: 'new', cacheable: true })
    assert.equal((await second).text, 'new')
    assert.equal((await third).text, 'new', 'joined the newest')
    old.resolve({ text: 'old', cacheable: true })
    assert.equal((await first).text, 'old')
    const after = await cache.through('k', HOUR, old.produce)
    assert.deepEqual(after, { text: 'new', cached: true }, 'the overtaken run is not stored')
    assert.deepEqual([old.runs(), fresh.runs()], [1, 1])
  })

  it('still lets askers join the newest run when the one that it overtook has ended', async () => {
    const { cache, ask } = cacheAt()
    const [old, fresh] = [pending(), pending()]
    const first = cache.through('k', HOUR, old.produce)
    const second = cache.through('k', FRESH, fresh.produce)
    old.resolve({ text: 'old', cacheable: true })
    await first
    const third = ask()
    fresh.resolve({ text: 'new', cacheable: true })
    await second
    assert.deepEqual(await third, { text: 'new', cached: false })
  })

  it('hands failures to all who joined, and stores none', async () => {
    const { cache, ask } = cacheAt()
    const run = pending()
    const askers = [1, 2, 3].map(() => cache.through('k', HOUR, run.produce))
    run.resolve({ text: '"failed"', cacheable: false })
    assert.deepEqual(
      new Set((await Promise.all(askers)).map(({ text }) => text)),
      new Set(['"failed"']),
    )
    assert.equal((await ask()).cached, false)

    const broken = pending()
    const hopeful = [1, 2, 3].map(() => cache.through('other', HOUR, broken.produce))
    broken.reject(new Problem('TIMEOUT', 'It took too long.'))
    for (const one of await Promise.allSettled(hopeful)) {
      assert.equal(one.status === 'rejected' && (one.reason as Problem).code, 'TIMEOUT')
    }
    assert.equal(broken.runs(), 1)
    assert.deepEqual(await ask(HOUR, 'other'), { text: '2', cached: false })
  })

  it('is not stuck on a run that fails before it begins', async () => {
    const { cache, ask } = cacheAt()
    const broken = () => {
      throw new Error('at once')
    }
    await assert.rejects(cache.through('k', HOUR, broken), /at once/)
    assert.deepEqual(await ask(), { text: '1', cached: false })
  })

  it('forgets what is deleted, also what was still running', async () => {
    const { cache, ask } = cacheAt()
    await ask()
    cache.delete('k')
    cache.delete('unknown')
    assert.deepEqual(await ask(), { text: '2', cached: false })
    assert.equal(cache.stats().memory.deletes, 1)

    const run = pending()
    const asked = cache.through('session', HOUR, run.produce)
    cache.delete('session')
    run.resolve({ text: 'late', cacheable: true })
    assert.equal((await asked).text, 'late')
    assert.deepEqual(await ask(HOUR, 'session'), { text: '3', cached: false })
  })

  it('makes room by forgetting what was not used for longest', async () => {
    const { cache } = cacheAt(10_000)
    const text = 'x'.repeat(2_000)
    const ask = (key: string) => cache.through(key, HOUR, async () => ({ text, cacheable: true }))
    for (const key of ['a', 'b', 'c', 'd']) await ask(key)
    await ask('a')
    await ask('e')
    assert.ok(cache.stats().memory.bytes <= 10_000)
    assert.equal(cache.stats().memory.entries, 4)
    const cached = []
    for (const key of ['a', 'c', 'd', 'e']) cached.push((await ask(key)).cached)
    assert.deepEqual(cached, [true, true, true, true])
    assert.equal((await ask('b')).cached, false)
  })

  it('keeps no result of more than 1 MiB', async () => {
    const { cache } = cacheAt()
    const ask = async (text: string) => {
      const produce = async () => ({ text, cacheable: true })
      await cache.through(text.slice(0, 1), HOUR, produce)
      return (await cache.through(text.slice(0, 1), HOUR, produce)).cached
    }
    assert.equal(await ask('a'.repeat(1024 ** 2)), true)
    assert.equal(await ask('b'.repeat(1024 ** 2 + 1)), false)
    assert.equal(await ask('ä'.repeat(1024 ** 2 / 2 + 1)), false)
  })

  it('does not grow by being asked for what is in no tier', async () => {
    const { cache, ask } = cacheAt()
    for (let key = 0; key < 1_000; key++) await ask(HOUR, `k${key}`, false)
    assert.deepEqual([cache.stats().memory.entries, cache.stats().memory.bytes], [0, 0])
  })
})
