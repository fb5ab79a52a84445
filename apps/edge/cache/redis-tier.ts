/** The results that all edges share, behind the memory of each. Without Redis at hand: nothing. */
import type { RedisLink } from '../redis.ts'
import type { Entry } from './memory-tier.ts'

const TTL_MAX_MS = 3_600_000
/** `<stored at>:<time to live>:<text>` */
const STORED = /^(\d{1,16}):(\d{1,16}):/

const nameOf = (key: string) => `sluice:result:${key}`

export class RedisTier {
  readonly #redis: RedisLink

  constructor(redis: RedisLink) {
    this.#redis = redis
  }

  /** Null: it has none; undefined: it is not at hand. */
  async get(key: string): Promise<Entry | null | undefined> {
    const stored = await this.#redis.use((client) => client.get(nameOf(key)))
    if (typeof stored !== 'string') return stored
    const [prefix, storedAt, ttlMs] = STORED.exec(stored) ?? []
    if (prefix === undefined) return null
    return {
      text: stored.slice(prefix.length),
      storedAt: Number(storedAt),
      ttlMs: Number(ttlMs),
    }
  }

  /** Whether it was stored. */
  async set(key: string, { text, storedAt, ttlMs }: Entry): Promise<boolean> {
    const stored = `${storedAt}:${ttlMs}:${text}`
    const keptMs = Math.min(ttlMs, TTL_MAX_MS)
    const said = await this.#redis.use((client) => client.set(nameOf(key), stored, 'PX', keptMs))
    return said === 'OK'
  }

  /** Whether there was something to delete. */
  async delete(key: string): Promise<boolean> {
    return (await this.#redis.use((client) => client.del(nameOf(key)))) === 1
  }
}
