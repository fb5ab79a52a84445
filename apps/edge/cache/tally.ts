/** What a cache did, per tier: for its own statistics, and for the metrics. */
import type { Counter, Telemetry } from '#runtime/telemetry.ts'

const NAMES = { hits: 'hit', misses: 'miss', sets: 'set', deletes: 'delete' } as const
export type Operation = keyof typeof NAMES
export type Tier = 'memory' | 'redis'
export type Counts = Readonly<Record<Operation, number>>

export class Tally {
  readonly #cache: string
  readonly #counter: Counter | undefined
  readonly #counts: Record<Tier, Record<Operation, number>> = { memory: none(), redis: none() }

  constructor(cache: string, telemetry?: Pick<Telemetry, 'counter'>) {
    this.#cache = cache
    this.#counter = telemetry?.counter('sluice_cache_operations', 'What caches were asked and did.')
  }

  count(tier: Tier, operation: Operation): void {
    this.#counts[tier][operation]++
    this.#counter?.add(1, { cache: this.#cache, tier, operation: NAMES[operation] })
  }

  of(tier: Tier): Counts {
    return { ...this.#counts[tier] }
  }
}

function none(): Record<Operation, number> {
  return { hits: 0, misses: 0, sets: 0, deletes: 0 }
}
