/**
 * The spares: confined interpreters that have never seen user code, ready to be claimed.
 *
 * Invariants:
 * 1. What is taken never comes back.
 * 2. The default class of each runtime is always refilled; another memory class keeps one spare for
 *    a while after it was asked for, so that a function with its own limit starts cold only once.
 *    What is compiled has its code in it from the start: it is started when it is wanted, no sooner.
 * 3. Refilling waits a little after a claim: starting a child blocks the event loop for 1 to 2 ms,
 *    which the run that made the claim must not pay for.
 */
import { hash } from 'node:crypto'
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
  /** Of a runtime whose processes are made of their source. */
  readonly code?: string
}

export function kindOf({ runtime, memoryMb, code }: SpareNeed): SpareKind {
  const { isCompiled, memoryClassOf } = launches[runtime]
  const memoryClassMb = memoryClassOf(memoryMb)
  const key = `${runtime} ${memoryClassMb}`
  return isCompiled
    ? { key: `${key} ${hash('sha256', code)}`, runtime, memoryClassMb, code }
    : { key, runtime, memoryClassMb }
}

type SpareNeed = Pick<Program, 'runtime' | 'memoryMb' | 'code'>

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
  readonly start: (kind: SpareKind) => SandboxProcess | Promise<SandboxProcess>
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
      if (launches[runtime].isCompiled) continue
      this.#shelf(kindOf({ runtime, memoryMb: LIMITS.memoryMbDefault, code: '' }))
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
      if (spare === undefined) {
        this.#forget(shelf)
        return undefined
      }
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
    else this.#forget(shelf)
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

  /** There are as many kinds of what is compiled as there are sources. */
  #forget({ kind, spares, starting, wanted }: Shelf): void {
    if (kind.code === undefined || starting > 0 || wanted > 0) return
    for (const spare of spares.splice(0)) spare.kill('retired')
    this.#shelves.delete(kind.key)
  }

  #target(shelf: Shelf): number {
    const { runtime, memoryClassMb, code } = shelf.kind
    if (code !== undefined) return 0
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
    this.#ready(kind).then(
      (spare) => {
        shelf.starting -= 1
        shelf.lastFailure = undefined
        shelf.spares.push(spare)
        // A spare that dies on the shelf is replaced.
        spare.closed.then(() => this.#drop(shelf, spare)).catch(() => {})
        this.#options.onSpare(kind)
        this.#forget(shelf)
        this.#refill(shelf)
      },
      (error: unknown) => {
        shelf.starting -= 1
        if (this.#closed) return
        shelf.lastFailure = error instanceof Error ? error : new Error(String(error))
        this.#options.onFailure(kind, shelf.lastFailure)
        this.#forget(shelf)
        this.#refillSoon(shelf, RETRY_DELAY_MS)
      },
    )
  }

  async #ready(kind: SpareKind): Promise<SandboxProcess> {
    const spare = await this.#options.start(kind)
    await spare.ready
    return spare
  }

  #drop(shelf: Shelf, spare: SandboxProcess): void {
    const at = shelf.spares.indexOf(spare)
    if (at < 0) return
    shelf.spares.splice(at, 1)
    if (!this.#closed) this.#refillSoon(shelf, REFILL_DELAY_MS)
  }
}
