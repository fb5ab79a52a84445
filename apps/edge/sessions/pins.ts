/**
 * Where retained sessions live: which executor gets the next one, and whether one is still there.
 *
 * Invariants:
 * 1. An executor holds no more sessions than it says; what is being given to it counts already.
 * 2. An executor's name is its own for one life, so one that has gone has taken its sessions along.
 *    But an edge that has just come back to the log has not heard anybody yet: it cannot tell.
 */
import { Problem } from '#domain/problem.ts'
import type { Runtime } from '#events/functions.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Presence, PresenceWatch } from '#runtime/presence.ts'
import type { Sessions } from '../knowledge/sessions.ts'

const EXECUTOR = 'executor'
/** Longer than presence lasts. */
const KNOWS_AFTER_MS = 4_000
const LOOK_EVERY_MS = 250
/** An executor that is stopping still answers what it has begun. */
const FINISHES_WITHIN_MS = 5_000
const RETRY_AFTER_S = 5

export interface Chosen extends Disposable {
  readonly executor: string
}

export interface Watched extends Disposable {
  /** Aborted when it has been gone for so long that no answer can come any more. */
  readonly gone: AbortSignal
}

interface Waiting {
  readonly executor: string
  readonly gone: AbortController
  absentSince: number
}

export interface PinsOptions {
  readonly bus: Bus
  readonly presence: PresenceWatch
  readonly sessions: Sessions
}

export class Pins implements Disposable {
  readonly #options: PinsOptions
  readonly #reserved = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()
  readonly #timer: NodeJS.Timeout
  #backSince: number

  constructor(options: PinsOptions) {
    this.#options = options
    this.#backSince = performance.now()
    options.bus.onReconnect(() => {
      this.#backSince = performance.now()
    })
    this.#timer = setInterval(() => this.#look(performance.now()), LOOK_EVERY_MS)
  }

  /** Throws unless somebody can run it. */
  requireRuntime(runtime: Runtime): void {
    if (this.#usable(runtime).length > 0) return
    throw unable(`No executor can run ${runtime} now.`, { reason: 'runtime_unavailable' })
  }

  /** The one with the fewest sessions; reserved until it is disposed of. */
  choose(runtime: Runtime): Chosen {
    this.requireRuntime(runtime)
    const held = new Map(this.#reserved)
    for (const { executor } of this.#options.sessions.open()) {
      if (executor !== undefined) held.set(executor, (held.get(executor) ?? 0) + 1)
    }
    const countOf = ({ instance }: Presence) => held.get(instance) ?? 0
    const [best] = this.#usable(runtime)
      .filter((one) => countOf(one) < roomOf(one))
      .sort((a, b) => countOf(a) - countOf(b))
    if (best === undefined) {
      throw unable('There is no room for another retained session.', { reason: 'sessions_full' })
    }
    const { instance: executor } = best
    this.#reserved.set(executor, (this.#reserved.get(executor) ?? 0) + 1)
    return { executor, [Symbol.dispose]: () => this.#release(executor) }
  }

  /** Throws if it cannot be told. */
  isGone(executor: string): boolean {
    if (this.#isPresent(executor)) return false
    if (this.#canTell(performance.now())) return true
    throw new Problem('UNAVAILABLE', 'This edge has not yet heard of the executors.')
  }

  /** Of use for one call. */
  watch(executor: string): Watched {
    const gone = new AbortController()
    const waiting = { executor, gone, absentSince: Infinity }
    this.#waiting.add(waiting)
    return {
      gone: gone.signal,
      [Symbol.dispose]: () => void this.#waiting.delete(waiting),
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(now: number): void {
    for (const waiting of this.#waiting) {
      if (this.#isPresent(waiting.executor) || !this.#canTell(now)) waiting.absentSince = Infinity
      else waiting.absentSince = Math.min(waiting.absentSince, now)
      if (now - waiting.absentSince < FINISHES_WITHIN_MS) continue
      this.#waiting.delete(waiting)
      waiting.gone.abort()
    }
  }

  #canTell(now: number): boolean {
    return !this.#options.bus.disconnected && now - this.#backSince > KNOWS_AFTER_MS
  }

  #isPresent(executor: string): boolean {
    return this.#options.presence.list(EXECUTOR).some(({ instance }) => instance === executor)
  }

  #usable(runtime: Runtime): Presence[] {
    return this.#options.presence.list(EXECUTOR).filter(({ state }) => {
      const sandbox = state['sandbox'] as Said | undefined
      return sandbox?.level !== 'unavailable' && sandbox?.runtimes?.[runtime]?.ok === true
    })
  }

  #release(executor: string): void {
    const left = (this.#reserved.get(executor) ?? 1) - 1
    if (left === 0) this.#reserved.delete(executor)
    else this.#reserved.set(executor, left)
  }
}

/** The part of what an executor says of its sandbox that is read here. */
interface Said {
  readonly level?: unknown
  readonly runtimes?: Readonly<Partial<Record<Runtime, { readonly ok?: unknown }>>>
}

const roomOf = ({ state }: Presence) => Number(state['sessions_max'] ?? 0)

const unable = (message: string, details: object) =>
  new Problem('INITIALIZATION_ERROR', message, details, { retryAfterS: RETRY_AFTER_S })
