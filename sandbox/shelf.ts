/**
 * The spares: confined interpreters that have never seen user code, ready to be claimed.
 *
 * Invariants:
 * 1. What is taken never comes back.
 * 2. The default class of each runtime is always refilled; another memory class keeps one spare for
 *    a while after it was asked for, so that a function with its own limit starts cold only once.
 * 3. Refilling waits a little after a claim: starting a child blocks the event loop for 1 to 2 ms,
 *    which the run that made the claim must not pay for.
 */
import { LIMITS, type Program, type RuntimeName } from './contract.ts'
import type { SandboxProcess } from './process.ts'
import { launches } from './runtimes/launch.ts'

const REFILL_DELAY_MS = 8
const RETRY_DELAY_MS = 1000
const STARTING_AT_ONCE = 2
const CLASS_KEPT_MS = 10 * 60_000

/** What a spare is good for. */
export interface SpareKind {
  readonly key: string
  readonly runtime: RuntimeName
  readonly memoryClassMb: number
}

export function kindOf({ runtime, memoryMb }: Pick<Program, 'runtime' | 'memoryMb'>): SpareKind {
  const memoryClassMb = launches[runtime].memoryClassOf(memoryMb)
  return { key: `${runtime} ${memoryClassMb}`, runtime, memoryClassMb }
}

interface Shelf {
  readonly kind: SpareKind
  readonly spares: SandboxProcess[]
  starting: number
  /** Runs that wait for a spare of this shelf right now. */
  wanted: number
  lastAskedAt: number
  lastFailure: Error | undefined
}

export interface ShelvesOptions {
  readonly sparesPerRuntime: number
  readonly start: (kind: SpareKind) => SandboxProcess
  /** May another process be started? If not, it has tried to make room. */
  readonly makeRoom: () => boolean
  readonly onSpare: (kind: SpareKind) => void
  readonly onFailure: (kind: SpareKind, error: Error) => void
}

export class Shelves {
  readonly #options: ShelvesOptions
  readonly #shelves = new Map<string, Shelf>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #closed = false

  constructor(options: ShelvesOptions, runtimes: readonly RuntimeName[]) {
    this.#options = options
    for (const runtime of runtimes) {
      this.#shelf(kindOf({ runtime, memoryMb: LIMITS.memoryMbDefault }))
    }
  }

  get count(): number {
    let count = 0
    for (const shelf of this.#shelves.values()) count += shelf.spares.length
    return count
  }

  get starting(): number {
    let count = 0
    for (const shelf of this.#shelves.values()) count += shelf.starting
    return count
  }

  take(kind: SpareKind): SandboxProcess | undefined {
    const shelf = this.#shelf(kind)
    shelf.lastAskedAt = performance.now()
    for (;;) {
      const spare = shelf.spares.pop()
      if (spare === undefined) return undefined
      if (!spare.alive) continue
      this.#refillSoon(shelf, REFILL_DELAY_MS)
      return spare
    }
  }

  /** Says how many runs wait for this kind; starts what is missing at once. */
  want(kind: SpareKind, change: 1 | -1): void {
    const shelf = this.#shelf(kind)
    shelf.wanted += change
    if (change === 1) this.#refill(shelf)
  }

  /** Starts what is missing on each shelf, as far as there is room; does not wait for it. */
  fill(): void {
    for (const shelf of this.#shelves.values()) this.#refill(shelf)
  }

  close(): SandboxProcess[] {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    return [...this.#shelves.values()].flatMap((shelf) => shelf.spares.splice(0))
  }

  #shelf(kind: SpareKind): Shelf {
    let shelf = this.#shelves.get(kind.key)
    if (shelf === undefined) {
      shelf = {
        kind,
        spares: [],
        starting: 0,
        wanted: 0,
        lastAskedAt: -Infinity,
        lastFailure: undefined,
      }
      this.#shelves.set(kind.key, shelf)
    }
    return shelf
  }

  #target(shelf: Shelf): number {
    const { runtime, memoryClassMb } = shelf.kind
    if (memoryClassMb === launches[runtime].memoryClassOf(LIMITS.memoryMbDefault)) {
      return this.#options.sparesPerRuntime
    }
    return performance.now() - shelf.lastAskedAt < CLASS_KEPT_MS ? 1 : 0
  }

  #refillSoon(shelf: Shelf, delayMs: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#refill(shelf)
    }, delayMs)
    this.#timers.add(timer)
  }

  #refill(shelf: Shelf): void {
    const missing = () =>
      Math.max(this.#target(shelf), shelf.wanted) - shelf.spares.length - shelf.starting
    while (!this.#closed && missing() > 0 && shelf.starting < STARTING_AT_ONCE) {
      if (!this.#options.makeRoom()) return
      this.#startOne(shelf)
    }
  }

  #startOne(shelf: Shelf): void {
    const { kind } = shelf
    shelf.starting += 1
    const spare = this.#options.start(kind)
    spare.ready.then(
      () => {
        shelf.starting -= 1
        shelf.lastFailure = undefined
        shelf.spares.push(spare)
        // A spare that dies on the shelf is replaced.
        spare.closed.then(() => this.#drop(shelf, spare)).catch(() => {})
        this.#options.onSpare(kind)
        this.#refill(shelf)
      },
      (error: unknown) => {
        shelf.starting -= 1
        if (this.#closed) return
        shelf.lastFailure = error instanceof Error ? error : new Error(String(error))
        this.#options.onFailure(kind, shelf.lastFailure)
        this.#refillSoon(shelf, RETRY_DELAY_MS)
      },
    )
  }

  #drop(shelf: Shelf, spare: SandboxProcess): void {
    const at = shelf.spares.indexOf(spare)
    if (at < 0) return
    shelf.spares.splice(at, 1)
    if (!this.#closed) this.#refillSoon(shelf, REFILL_DELAY_MS)
  }
}
