/** Results that edges share through a real Redis. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTelemetry } from '#runtime/telemetry.ts'
import { summary } from '#test/bench/summary.ts'
import { quietLog } from '#test/support/quiet-log.ts'
import { startRedis } from '#test/support/redis.ts'
import { until } from '#test/support/until.ts'
import { parseCacheControl, ResultCache } from '../../apps/edge/cache/result-cache.ts'
import { RedisLink } from '../../apps/edge/redis.ts'

const HOUR = parseCacheControl(undefined)

/** Longer than a busy machine keeps a process waiting; for what is not about time. */
const PATIENT_MS = 120_000

/** 100 ms, and what a busy machine adds; without a time-out there would be no answer at all. */
const HANGS_MS = 20_000

interface Options {
  readonly now?: () => number
  readonly timeoutMs?: number
}

async function openCache(url: string, { now = Date.now, timeoutMs = PATIENT_MS }: Options = {}) {
  const redis = await RedisLink.open({ url, log: quietLog('edge'), timeoutMs })
  const cache = new ResultCache({ redis, now })
  let runs = 0
  return {
    cache,
    redis,
    ask: (key = 'k', control = HOUR) =>
      cache.through(key, control, async () => ({ text: `"${++runs} ☃"`, cacheable: true })),
    stored: () => until(() => cache.stats().redis.sets > 0, { what: 'a result in Redis' }),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  }
}

describe('results in Redis', () => {
  it('are shared by two caches, and then in the memory of both', async () => {
    await using redis = await startRedis()
    await using one = await openCache(redis.url)
    await using two = await openCache(redis.url)
    assert.deepEqual(await one.ask(), { text: '"1 ☃"', cached: false })
    await one.stored()
    assert.deepEqual(await two.ask(), { text: '"1 ☃"', cached: true })
    assert.deepEqual(await two.ask(), { text: '"1 ☃"', cached: true })
    const { memory, redis: shared } = two.cache.stats()
    assert.deepEqual(shared, { hits: 1, misses: 0, sets: 0, deletes: 0 })
    assert.deepEqual([memory.hits, memory.misses, memory.sets], [1, 1, 1])

    one.cache.delete('k')
    await until(() => one.cache.stats().redis.deletes === 1)
    await using three = await openCache(redis.url)
    assert.equal((await three.ask()).cached, false)
    assert.equal(three.cache.stats().redis.misses, 1)
  })

  it('are as old as they are, wherever they are read', async () => {
    await using redis = await startRedis()
    let now = Date.now()
    await using one = await openCache(redis.url, { now: () => now })
    await using two = await openCache(redis.url, { now: () => now })
    await one.ask('k', parseCacheControl('max-age=100'))
    await one.stored()
    now += 60_000
    const [patient, strict, joined] = await Promise.all([
      two.ask(),
      two.ask('k', parseCacheControl('max-age=30')),
      two.ask('k', parseCacheControl('max-age=61')),
    ])
    assert.deepEqual(patient, { text: '"1 ☃"', cached: true })
    assert.equal(strict.cached, false, 'what it joined was too old for it')
    assert.equal(joined.cached, true)
    await one.redis.use(async (client) => {
      assert.ok((await client.pttl('sluice:result:k')) <= 100_000)
    })

    const known = one.cache.stats().redis.sets
    await one.ask('short', parseCacheControl('max-age=5'))
    await until(() => one.cache.stats().redis.sets > known)
    now += 5_000
    assert.equal((await two.ask('short')).cached, false, 'it was stored for five seconds')
  })

  it('go away by themselves within the hour, whatever was asked for', async () => {
    await using redis = await startRedis()
    await using one = await openCache(redis.url)
    await one.ask('k', parseCacheControl('max-age=86400'))
    await one.stored()
    const ttl = await one.redis.use((client) => client.pttl('sluice:result:k'))
    assert.ok(ttl !== undefined && ttl > 0 && ttl <= 3_600_000)
  })

  it('are done without while Redis hangs or is gone: 100 ms once, no error', async () => {
    await using redis = await startRedis()
    await using one = await openCache(redis.url, { timeoutMs: 100 })
    await one.ask('before')
    const timed = async (key: string) => {
      const startedAt = performance.now()
      assert.equal((await one.ask(key)).cached, false)
      return performance.now() - startedAt
    }
    redis.freeze()
    const first = await timed('a')
    assert.ok(first < HANGS_MS, `the first took ${first} ms`)
    const later = []
    for (const key of ['b', 'c', 'd', 'e', 'f']) later.push(await timed(key))
    assert.ok(summary(later).p50 < 50, `later ones took ${later.join()} ms`)
    assert.equal((await one.ask('before')).cached, true)
    redis.thaw()
    await until(() => one.redis.isUp)
    await redis.kill()
    for (const key of ['g', 'h']) assert.ok((await timed(key)) < HANGS_MS)
    await redis.restart()
    await until(() => one.redis.isUp)
    const sets = one.cache.stats().redis.sets
    let asked = 0
    await until(async () => {
      await one.ask(`back-${asked++}`)
      return one.cache.stats().redis.sets > sets
    })
  })

  it('are counted in the metrics, per tier', async () => {
    await using redis = await startRedis()
    await using link = await RedisLink.open({
      url: redis.url,
      log: quietLog('edge'),
      timeoutMs: PATIENT_MS,
    })
    await using telemetry = createTelemetry({ process: 'edge', instance: '1' })
    const cache = new ResultCache({ redis: link, telemetry })
    const ask = () => cache.through('k', HOUR, async () => ({ text: '1', cacheable: true }))
    await ask()
    await ask()
    cache.delete('k')
    await until(() => cache.stats().redis.deletes === 1)
    const text = await telemetry.render()
    const counted = (tier: string, operation: string) => {
      const labels = [`cache="results"`, `tier="${tier}"`, `operation="${operation}"`]
      const line = text
        .split('\n')
        .find(
          (one) =>
            one.startsWith('sluice_cache_operations_total{') &&
            labels.every((label) => one.includes(label)),
        )
      return Number(line?.split(' ').at(-1))
    }
    assert.deepEqual(
      ['hit', 'miss', 'set', 'delete'].map((operation) => counted('memory', operation)),
      [1, 1, 1, 1],
    )
    assert.deepEqual(
      ['miss', 'set', 'delete'].map((operation) => counted('redis', operation)),
      [1, 1, 1],
    )
    assert.match(text, /^sluice_cache_entries\{cache="results",.*\} 0$/m)
  })
})
