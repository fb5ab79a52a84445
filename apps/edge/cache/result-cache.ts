/**
 * Results of functions, so that the same question need not be computed twice. Whether the asker may
 * have the answer is decided before anything is looked up here.
 *
 * Invariants:
 * 1. A result is used while it is younger than the asker accepts and than it was stored for.
 * 2. `cached` tells the truth: a result that was computed while its asker waited is fresh, also for
 *    those who joined the run of another.
 * 3. Who asks joins the newest identical run under way; who wants a fresh result (`no-cache`,
 *    `max-age=0`) joins none that began before.
 * 4. What is marked as not cacheable, or throws, reaches all who joined, and is never stored. Nor is
 *    what was overtaken by a newer run, or deleted, while it ran.
 * 5. Redis failing is a miss. A hit in memory awaits nothing.
 *
 * `delete` reaches this process and Redis, not the memory of other edges: it frees room, and no
 * right may rest on it.
 */
import type { Telemetry } from '#runtime/telemetry.ts'
import type { RedisLink } from '../redis.ts'
import type { CacheControl } from './cache-control.ts'
import { ENTRY_BYTES_MAX, MemoryTier, type Entry } from './memory-tier.ts'
import { RedisTier } from './redis-tier.ts'
import { Tally, type Counts } from './tally.ts'

export { parseCacheControl, type CacheControl } from './cache-control.ts'
export { cacheKey } from './cache-key.ts'
export type { Cached } from './memory-tier.ts'

export interface Produced {
  /** JSON. */
  readonly text: string
  readonly cacheable: boolean
}

export interface Found {
  readonly text: string
  readonly cached: boolean
}

export type Produce = () => Promise<Produced>

interface Outcome {
  readonly text: string
  /** It was not computed, Redis had it. */
  readonly stored?: Entry
}

interface UnderWay {
  readonly token: symbol
  readonly outcome: Promise<Outcome>
}

export interface CacheStats {
  readonly memory: Counts & { readonly entries: number; readonly bytes: number }
  readonly redis: Counts
}

export interface ResultCacheOptions {
  readonly redis?: RedisLink | undefined
  readonly telemetry?: Pick<Telemetry, 'counter' | 'gauge'>
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  readonly maxBytes?: number
}

export class ResultCache {
  readonly #memory: MemoryTier
  readonly #redis: RedisTier | undefined
  readonly #tally: Tally
  readonly #now: () => number
  readonly #underWay = new Map<string, UnderWay>()

  constructor({ redis, telemetry, now = Date.now, maxBytes }: ResultCacheOptions = {}) {
    this.#memory = new MemoryTier(maxBytes)
    this.#redis = redis && new RedisTier(redis)
    this.#tally = new Tally('results', telemetry)
    this.#now = now
    const labels = { cache: 'results' }
    telemetry?.gauge('sluice_cache_entries', 'Entries that a cache holds in memory.', () => [
      { labels, value: this.#memory.entries },
    ])
    telemetry?.gauge('sluice_cache_bytes', 'Bytes that a cache holds in memory.', () => [
      { labels, value: this.#memory.bytes },
    ])
  }

  /** The result from the cache, from an identical run under way, or from `produce`. */
  through(key: string, control: CacheControl, produce: Produce): Promise<Found> {
    const mayRead = !control.noCache && control.maxAgeS > 0
    if (!mayRead) return this.#begin(key, control, produce, mayRead)
    const found = this.#memory.get(key, this.#now())
    if (found !== undefined && this.#suits(found, control)) {
      this.#tally.count('memory', 'hits')
      return Promise.resolve({ text: found.text, cached: true })
    }
    this.#tally.count('memory', 'misses')
    const underWay = this.#underWay.get(key)
    if (underWay === undefined) return this.#begin(key, control, produce, mayRead)
    return this.#join(underWay, key, control, produce)
  }

  delete(key: string): void {
    this.#underWay.delete(key)
    if (this.#memory.delete(key)) this.#tally.count('memory', 'deletes')
    this.#countLater('deletes', this.#redis?.delete(key))
  }

  stats(): CacheStats {
    const { entries, bytes } = this.#memory
    return {
      memory: { ...this.#tally.of('memory'), entries, bytes },
      redis: this.#tally.of('redis'),
    }
  }

  async #begin(
    key: string,
    control: CacheControl,
    produce: Produce,
    mayRead: boolean,
  ): Promise<Found> {
    const token = Symbol()
    const isNewest = () => this.#underWay.get(key)?.token === token
    const run = async (): Promise<Outcome> => {
      const stored = mayRead ? await this.#fromRedis(key, control) : undefined
      if (stored !== undefined) {
        if (isNewest()) this.#keep(key, stored)
        return { text: stored.text, stored }
      }
      const { text, cacheable } = await produce()
      if (cacheable && isNewest()) this.#store(key, text, control)
      return { text }
    }
    // Whoever comes while it runs must find it, so it is entered before it begins.
    const outcome = Promise.resolve().then(run)
    this.#underWay.set(key, { token, outcome })
    try {
      const { text, stored } = await outcome
      return { text, cached: stored !== undefined }
    } finally {
      if (isNewest()) this.#underWay.delete(key)
    }
  }

  async #join(
    { outcome }: UnderWay,
    key: string,
    control: CacheControl,
    produce: Produce,
  ): Promise<Found> {
    const { text, stored } = await outcome
    if (stored === undefined) return { text, cached: false }
    if (this.#suits(stored, control)) return { text, cached: true }
    return this.through(key, control, produce)
  }

  async #fromRedis(key: string, control: CacheControl): Promise<Entry | undefined> {
    const found = await this.#redis?.get(key)
    if (found === undefined) return undefined
    const suits = found !== null && this.#suits(found, control)
    this.#tally.count('redis', suits ? 'hits' : 'misses')
    return suits ? found : undefined
  }

  #store(key: string, text: string, { maxAgeS }: CacheControl): void {
    if (maxAgeS === 0 || Buffer.byteLength(text) > ENTRY_BYTES_MAX) return
    const entry = { text, storedAt: this.#now(), ttlMs: maxAgeS * 1_000 }
    this.#keep(key, entry)
    this.#countLater('sets', this.#redis?.set(key, entry))
  }

  #keep(key: string, entry: Entry): void {
    this.#memory.set(key, entry)
    this.#tally.count('memory', 'sets')
  }

  #countLater(operation: 'sets' | 'deletes', done: Promise<boolean> | undefined): void {
    const count = (isDone: boolean) => {
      if (isDone) this.#tally.count('redis', operation)
    }
    // Redis that is not at hand has done nothing; that is no failure of ours.
    done?.then(count, () => undefined)
  }

  #suits({ storedAt, ttlMs }: Entry, { maxAgeS }: CacheControl): boolean {
    const ageMs = this.#now() - storedAt
    return ageMs < ttlMs && ageMs < maxAgeS * 1_000
  }
}
