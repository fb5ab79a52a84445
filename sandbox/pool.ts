/**
 * Gives each run a process of its own program: a warm one, a spare, or a place in the queue.
 *
 * Invariants:
 * 1. A process serves one program for its whole life, one call at a time.
 * 2. The most recently used idle process goes first: its caches are hot, and the others can expire.
 * 3. Runs of one program start in the order in which they came, and so do the programs that wait
 *    for a spare of the same kind.
 * 4. Who wants a fresh process gets a spare, and nobody gets it afterwards.
 * 5. A process that is idle is frozen shortly after: user code does not run between calls.
 *
 * Siblings: `shelf.ts` keeps the spares, `serve.ts` makes one call on a process that is given.
 */
import { type Program, type Run, type RunResult, SandboxError } from './contract.ts'
import type { SandboxProcess } from './process.ts'
import { serve } from './serve.ts'
import { kindOf, type Shelves, type SpareKind } from './shelf.ts'

const FREEZE_AFTER_MS = 50
const FREEZE_SWEEP_MS = 25
const EXPIRE_AFTER_MS = 10 * 60_000
/** For a version that is no longer the newest: what is left of its jobs is usually run in one go. */
const SUPERSEDED_EXPIRE_AFTER_MS = 20_000
const EXPIRE_SWEEP_MS = 10_000

export interface Held {
  readonly process: SandboxProcess
  readonly entry: Entry
  idleSince: number
  /** It counts for its program no more. */
  readonly leave: () => void
}

interface Waiter {
  readonly entry: Entry
  readonly resolve: (held: Held) => void
  readonly reject: (reason: Error) => void
  served: boolean
  wanting: boolean
}

interface Entry {
  readonly key: string
  readonly program: Program
  /** Each of its processes serves one run. */
  readonly fresh: boolean
  readonly kind: SpareKind
  readonly idle: Held[]
  readonly waiting: Waiter[]
  processes: number
  wanting: number
  /** It serves no further run. */
  retired: boolean
  /** A newer version of its function has run. */
  superseded: boolean
}

export interface PoolOptions {
  readonly maxProcessesPerFunction: number
  readonly shelves: Shelves
  readonly onKill: (why: string, program: Program) => void
}

export class Pool {
  readonly #options: PoolOptions
  readonly #entries = new Map<string, Entry>()
  /** Idle processes, least recently used first. */
  readonly #idle = new Set<Held>()
  readonly #unfrozen = new Set<Held>()
  readonly #wants = new Map<string, Waiter[]>()
  readonly #expiry: NodeJS.Timeout
  #freezer: NodeJS.Timeout | undefined
  #busy = 0
  #wanting = 0
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#expiry = setInterval(() => this.#expire(), EXPIRE_SWEEP_MS).unref()
  }

  get busy(): number {
    return this.#busy
  }

  get idle(): number {
    return this.#idle.size
  }

  run(run: Run): Promise<RunResult> {
    const entry = this.#entry(run.program, run.fresh === true)
    const held = this.#takeNow(entry)
    return held !== undefined
      ? this.#serve(held, run)
      : this.#wait(entry, run.signal).then((given) => this.#serve(given, run))
  }

  /** Gives a spare away for good. */
  async give(program: Program): Promise<SandboxProcess> {
    const entry = this.#entry(program, true)
    const held = this.#takeNow(entry) ?? (await this.#wait(entry))
    held.leave()
    return held.process
  }

  /** Ends the least recently used idle process; false if there is none. */
  evict(): boolean {
    for (const held of this.#idle) {
      this.#discard(held, 'room')
      return true
    }
    return false
  }

  /** A spare has arrived: whoever has waited longest for its kind gets it. */
  onSpare({ key }: SpareKind): void {
    const queue = this.#wants.get(key)
    for (let waiter = queue?.[0]; waiter !== undefined; waiter = queue?.[0]) {
      if (waiter.served || !waiter.wanting) {
        queue?.shift()
        continue
      }
      const held = this.#claim(waiter.entry)
      if (held === undefined) return
      queue?.shift()
      this.#give(waiter, held)
    }
  }

  onNoSpare({ key }: SpareKind, error: Error): void {
    const queue = this.#wants.get(key)?.splice(0) ?? []
    for (const waiter of queue) {
      const failure = `No sandbox could be started: ${error.message}`
      this.#refuse(waiter, new SandboxError('SANDBOX_FAILED', failure, { cause: error }))
    }
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#expiry)
    clearInterval(this.#freezer)
    const error = new SandboxError('SANDBOX_CLOSED', 'The sandbox was closed.')
    for (const entry of this.#entries.values()) {
      for (const waiter of [...entry.waiting]) this.#refuse(waiter, error)
    }
  }

  #entry(program: Program, fresh: boolean): Entry {
    const { owner, functionId, version, runtime, memoryMb } = program
    const key = `${functionId} ${version} ${runtime} ${memoryMb} ${fresh} ${owner}`
    const known = this.#entries.get(key)
    if (known !== undefined) {
      if (isSameProgram(known.program, program)) return known
      this.#retire(known)
    }
    const entry: Entry = {
      key,
      program,
      fresh,
      kind: kindOf(program),
      idle: [],
      waiting: [],
      processes: 0,
      wanting: 0,
      retired: false,
      superseded: false,
    }
    this.#supersede(entry)
    this.#entries.set(key, entry)
    return entry
  }

  /** Ends the idle processes of older versions; what still runs or waits there goes on. */
  #supersede(entry: Entry): void {
    const { owner, functionId, version } = entry.program
    for (const other of this.#entries.values()) {
      const { program } = other
      if (program.functionId !== functionId || program.owner !== owner) continue
      if (program.version > version) entry.superseded = true
      if (program.version >= version) continue
      other.superseded = true
      for (const held of [...other.idle]) this.#discard(held, 'superseded')
    }
  }

  #takeNow(entry: Entry): Held | undefined {
    for (let held = entry.idle.pop(); held !== undefined; held = entry.idle.pop()) {
      this.#idle.delete(held)
      this.#unfrozen.delete(held)
      if (held.process.alive) return held
    }
    const isFirst = entry.waiting.length === 0
    return isFirst && entry.processes < this.#options.maxProcessesPerFunction
      ? this.#claim(entry)
      : undefined
  }

  #claim(entry: Entry): Held | undefined {
    const spare = this.#options.shelves.take(entry.kind)
    if (spare === undefined) return undefined
    entry.processes += 1
    let counts = true
    const leave = () => {
      if (!counts) return
      counts = false
      entry.processes -= 1
      this.#forget(entry)
      this.#promote(entry)
    }
    spare.closed.then(leave).catch(() => {})
    return { process: spare, entry, idleSince: 0, leave }
  }

  #wait(entry: Entry, signal?: AbortSignal): Promise<Held> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const onAbort = () => this.#refuse(waiter, reasonOf(signal))
      const settle = () => signal?.removeEventListener('abort', onAbort)
      const waiter: Waiter = {
        entry,
        resolve: (held) => (settle(), resolve(held)),
        reject: (reason) => (settle(), reject(reason)),
        served: false,
        wanting: false,
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      entry.waiting.push(waiter)
      this.#promote(entry)
    })
  }

  /** Lets as many waiting runs of a program ask for a spare as it may have processes. */
  #promote(entry: Entry): void {
    const limit = this.#options.maxProcessesPerFunction
    const { key } = entry.kind
    for (const waiter of entry.waiting) {
      if (entry.processes + entry.wanting >= limit) break
      if (waiter.wanting) continue
      waiter.wanting = true
      entry.wanting += 1
      this.#wanting += 1
      const queue = this.#wants.get(key)
      if (queue === undefined) this.#wants.set(key, [waiter])
      else queue.push(waiter)
      this.#options.shelves.want(entry.kind, 1)
    }
    // Room may have come free for whoever waits, whatever the program.
    if (this.#wanting > 0) this.#options.shelves.fill()
  }

  #leaveQueue(waiter: Waiter): void {
    const { entry } = waiter
    waiter.served = true
    entry.waiting.splice(entry.waiting.indexOf(waiter), 1)
    if (!waiter.wanting) return
    waiter.wanting = false
    entry.wanting -= 1
    this.#wanting -= 1
    this.#options.shelves.want(entry.kind, -1)
  }

  #give(waiter: Waiter, held: Held): void {
    this.#leaveQueue(waiter)
    waiter.resolve(held)
  }

  #refuse(waiter: Waiter, reason: Error): void {
    if (waiter.served) return
    this.#leaveQueue(waiter)
    waiter.reject(reason)
  }

  async #serve(held: Held, run: Run): Promise<RunResult> {
    this.#busy += 1
    try {
      const { result, reusable } = await serve(held.process, run)
      if (reusable && !held.entry.fresh) this.#release(held)
      else await this.#end(held, 'spent')
      return result
    } catch (error) {
      held.process.kill('aborted')
      throw error
    } finally {
      this.#busy -= 1
    }
  }

  #release(held: Held): void {
    const { entry } = held
    if (entry.retired || this.#closed) return this.#discard(held, 'retired')
    const next = entry.waiting[0]
    if (next !== undefined) return this.#give(next, held)
    held.idleSince = performance.now()
    entry.idle.push(held)
    this.#idle.add(held)
    this.#unfrozen.add(held)
    this.#freezer ??= setInterval(() => this.#freeze(), FREEZE_SWEEP_MS).unref()
    if (this.#wanting > 0) this.#options.shelves.fill()
  }

  async #end(held: Held, why: string): Promise<void> {
    this.#discard(held, why)
    await held.process.closed
  }

  #discard(held: Held, why: string): void {
    const { entry } = held
    const at = entry.idle.indexOf(held)
    if (at >= 0) entry.idle.splice(at, 1)
    this.#idle.delete(held)
    this.#unfrozen.delete(held)
    if (held.process.alive) this.#options.onKill(why, entry.program)
    held.process.kill('retired')
  }

  #retire(entry: Entry): void {
    entry.retired = true
    // A later run of the same program makes a new entry; what runs or waits here goes on.
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
    for (const held of [...entry.idle]) this.#discard(held, 'retired')
  }

  #forget(entry: Entry): void {
    const isUnused = entry.processes === 0 && entry.waiting.length === 0
    if (isUnused && this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
  }

  #freeze(): void {
    const before = performance.now() - FREEZE_AFTER_MS
    for (const held of this.#unfrozen) {
      // In the order in which they became idle.
      if (held.idleSince > before) break
      held.process.freeze()
      this.#unfrozen.delete(held)
    }
    if (this.#unfrozen.size === 0) {
      clearInterval(this.#freezer)
      this.#freezer = undefined
    }
  }

  #expire(): void {
    const now = performance.now()
    for (const held of this.#idle) {
      const keptMs = held.entry.superseded ? SUPERSEDED_EXPIRE_AFTER_MS : EXPIRE_AFTER_MS
      if (now - held.idleSince > keptMs) this.#discard(held, 'expired')
    }
  }
}

function reasonOf(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
}

function isSameProgram(a: Program, b: Program): boolean {
  if (a === b) return true
  if (a.code !== b.code) return false
  if (a.env === b.env) return true
  const names = Object.keys(a.env)
  return (
    names.length === Object.keys(b.env).length &&
    names.every((name) => Object.hasOwn(b.env, name) && a.env[name] === b.env[name])
  )
}
