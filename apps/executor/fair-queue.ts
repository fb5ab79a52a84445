/**
 * Who runs next: every function has a queue of its own, and the queues take turns.
 *
 * Invariants:
 * 1. Among functions that wait, turns go round: a flood on one moves the others by one turn.
 * 2. At most `slots` runs are in flight, at most `perKey` of one function; but a function with none
 *    in flight may always start one, up to `ceiling` in all, so slow functions cannot hold every
 *    slot against the rest.
 * 3. A slot is free when the run has ended, not when its outcome is on disk: meanwhile the next run
 *    goes on, and outcomes that wait together are stored together.
 * 4. While other functions are in use, a function has no more outcomes on their way to the disk than
 *    its share (`shares.ts`) before its next run starts.
 */
import { Shares } from '#runtime/shares.ts'

export interface FairQueueOptions<Item extends Work> {
  readonly slots: number
  readonly perKey: number
  readonly ceiling: number
  readonly shares?: Shares
  /** Does the work of one item; calls `free` when it needs its slot no more; never rejects. */
  readonly start: (item: Item, free: () => void) => Promise<void>
}

export interface Work {
  /** Whose turn it is. */
  readonly key: number
}

interface Lane<Item> {
  readonly items: Item[]
  running: number
  /** Started and not settled: running, or waiting for its outcome to be stored. */
  open: number
}

export class FairQueue<Item extends Work> {
  readonly #slots: number
  readonly #perKey: number
  readonly #ceiling: number
  readonly #shares: Shares
  readonly #start: (item: Item, free: () => void) => Promise<void>
  /** In the order of their next turns; only lanes with waiting or open work are kept. */
  readonly #lanes = new Map<number, Lane<Item>>()
  #running = 0
  #waiting = 0
  #open = 0
  #idle: PromiseWithResolvers<void> | undefined

  constructor(options: FairQueueOptions<Item>) {
    this.#slots = options.slots
    this.#perKey = options.perKey
    this.#ceiling = options.ceiling
    this.#shares = options.shares ?? new Shares()
    this.#start = options.start
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting
  }

  push(item: Item): void {
    let lane = this.#lanes.get(item.key)
    if (lane === undefined) {
      lane = { items: [], running: 0, open: 0 }
      this.#lanes.set(item.key, lane)
    }
    lane.items.push(item)
    this.#shares.use(item.key)
    this.#waiting++
    this.#turn()
  }

  /** Takes out everything that has not been started. */
  clear(): Item[] {
    const items = [...this.#lanes.values()].flatMap((lane) => lane.items.splice(0))
    this.#waiting = 0
    return items
  }

  /** Resolves when everything that was started is settled. */
  async idle(): Promise<void> {
    if (this.#open === 0) return
    this.#idle ??= Promise.withResolvers<void>()
    await this.#idle.promise
  }

  #turn(): void {
    while (this.#waiting > 0 && this.#running < this.#ceiling) {
      const next = this.#nextLane()
      if (next === undefined) return
      const [key, lane] = next
      // Behind all others for its next turn.
      this.#lanes.delete(key)
      this.#lanes.set(key, lane)
      const item = lane.items.shift()
      if (item === undefined) return
      this.#waiting--
      this.#run(item, lane)
    }
  }

  #nextLane(): [number, Lane<Item>] | undefined {
    const free = this.#running < this.#slots
    for (const [key, lane] of this.#lanes) {
      if (lane.items.length === 0 || lane.open - lane.running >= this.#shares.of(key)) continue
      if (lane.running === 0 || (free && lane.running < this.#perKey)) return [key, lane]
    }
    return undefined
  }

  #run(item: Item, lane: Lane<Item>): void {
    lane.running++
    lane.open++
    this.#running++
    this.#open++
    let held = true
    const free = () => {
      if (!held) return
      held = false
      lane.running--
      this.#running--
      this.#turn()
    }
    this.#start(item, free)
      .finally(() => {
        free()
        lane.open--
        this.#open--
        if (lane.open === 0 && lane.items.length === 0) this.#lanes.delete(item.key)
        this.#turn()
        if (this.#open > 0) return
        this.#idle?.resolve()
        this.#idle = undefined
      })
      .catch((error: unknown) => {
        // `start` promises never to reject; if it does, the process is not to be trusted further.
        queueMicrotask(() => {
          throw error
        })
      })
  }
}
