/**
 * Counts in this process: for each key the times of its last requests, so that no window of time,
 * wherever it begins, ever has more than its limit.
 *
 * Invariants:
 * 1. One ring of times serves all windows of a policy: it is as long as the largest limit, and of a
 *    window with limit n the n-th last time decides.
 * 2. What is refused does not count.
 * 3. Memory is bounded, and forgetting lets nobody exceed: a key is forgotten when its last time
 *    has left the longest window, and never before. Keys beyond the bound share rings, which
 *    count for each of them what all of them did; a key that gets a ring of its own later starts
 *    with what its shared one holds.
 */
import type { Verdict, WindowState } from './decision.ts'
import type { Window } from './policies.ts'

/** Times kept for one policy: 8 MiB. */
const TIMES_MAX = 2 ** 20
const KEYS_MAX = 50_000
const SHARED_RINGS = 256
/** Forgetting keeps ahead of what comes in. */
const FORGET_PER_TAKE = 2

interface Ring {
  readonly times: Float64Array
  /** Of all that it ever took; the newest stands before `taken % times.length`. */
  taken: number
}

export interface ExactLogOptions {
  readonly maxKeys?: number
}

export class ExactLog {
  readonly #windows: readonly { readonly limit: number; readonly spanMs: number }[]
  readonly #longestMs: number
  readonly #size: number
  readonly #maxKeys: number
  /** The one whose last time is the oldest comes first. */
  readonly #rings = new Map<string, Ring>()
  readonly #shared = new Map<number, Ring>()

  constructor(windows: readonly Window[], { maxKeys }: ExactLogOptions = {}) {
    this.#windows = windows.map(({ limit, windowS }) => ({ limit, spanMs: windowS * 1_000 }))
    this.#longestMs = Math.max(...this.#windows.map(({ spanMs }) => spanMs))
    this.#size = Math.max(...windows.map(({ limit }) => limit))
    this.#maxKeys = maxKeys ?? Math.min(KEYS_MAX, Math.floor(TIMES_MAX / this.#size))
  }

  get size(): number {
    return this.#rings.size
  }

  /** `nowMs` never goes back. */
  peek(key: string, nowMs: number): Verdict {
    return this.#judge(this.#rings.get(key) ?? this.#sharedRing(key), nowMs)
  }

  take(key: string, nowMs: number): Verdict {
    this.#forget(nowMs)
    const own = this.#rings.get(key)
    const ring = own ?? this.#ringForNew(key)
    const before = this.#judge(ring, nowMs)
    if (!before.allowed) return before
    ring.times[ring.taken++ % this.#size] = nowMs
    if (own !== undefined) {
      this.#rings.delete(key)
      this.#rings.set(key, ring)
    }
    return { ...this.#judge(ring, nowMs), allowed: true }
  }

  #judge(ring: Ring | undefined, nowMs: number): Verdict {
    let allowed = true
    const states: WindowState[] = this.#windows.map(({ limit, spanMs }) => {
      if (ring === undefined) return { remaining: limit, resetMs: 0 }
      const oldest = this.#oldestWithin(ring, nowMs, spanMs)
      const counted = ring.taken - oldest
      if (counted >= limit) allowed = false
      const resetMs = counted === 0 ? 0 : this.#timeOf(ring, oldest) + spanMs - nowMs
      return { remaining: Math.max(0, limit - counted), resetMs }
    })
    return { allowed, states }
  }

  /** The number of the first request that still counts; times rise, so halving finds it. */
  #oldestWithin(ring: Ring, nowMs: number, spanMs: number): number {
    let [low, high] = [Math.max(0, ring.taken - this.#size), ring.taken]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (nowMs - this.#timeOf(ring, middle) < spanMs) high = middle
      else low = middle + 1
    }
    return low
  }

  #timeOf(ring: Ring, index: number): number {
    return ring.times[index % this.#size] as number
  }

  #forget(nowMs: number): void {
    let left = FORGET_PER_TAKE
    for (const [key, ring] of this.#rings) {
      if (left-- === 0 || !this.#isOver(ring, nowMs)) return
      this.#rings.delete(key)
    }
  }

  #isOver(ring: Ring, nowMs: number): boolean {
    return nowMs - this.#timeOf(ring, ring.taken - 1) >= this.#longestMs
  }

  #ringForNew(key: string): Ring {
    const shared = this.#sharedRing(key)
    if (this.#rings.size >= this.#maxKeys) return shared ?? this.#newShared(key)
    const ring = {
      times: shared?.times.slice() ?? new Float64Array(this.#size),
      taken: shared?.taken ?? 0,
    }
    this.#rings.set(key, ring)
    return ring
  }

  #sharedRing(key: string): Ring | undefined {
    return this.#shared.get(sharedIndex(key))
  }

  #newShared(key: string): Ring {
    const ring = { times: new Float64Array(this.#size), taken: 0 }
    this.#shared.set(sharedIndex(key), ring)
    return ring
  }
}

/** FNV-1a. */
function sharedIndex(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  return (hash >>> 0) % SHARED_RINGS
}
