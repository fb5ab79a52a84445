/**
 * The events of this platform for those whose they are: live, from any position of the log, or page
 * by page. It knows no transport.
 *
 * Invariants:
 * 1. However many read, the log is read once for all who stand at its end, and while nobody reads it
 *    is not read at all.
 * 2. Who is cut off hears why, and can go on elsewhere from `position` without gap or repeat.
 * 3. When the process is asked to stop every subscription ends at once; when its reader may no longer
 *    read, with the next heartbeat.
 */
import { Problem } from '#domain/problem.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { EVENTS } from '#events/streams.ts'
import type { Log } from '#runtime/log.ts'
import type { Counter, Telemetry } from '#runtime/telemetry.ts'
import type { Filter } from './filter.ts'
import { LogPages, type LogPage, type Past } from './log-pages.ts'
import { Seats, type SeatsOptions } from '../limits/seats.ts'
import { Subscription, type End } from './subscription.ts'
import { Tail } from './tail.ts'

/** Heartbeats are spread over so many ticks, so that thousands of them are no hiccup. */
const TICKS = 16
const READERS = { name: 'readers of events', field: 'max_readers' }
/** Heartbeats after which a reader that takes nothing is cut off. */
const PATIENCE = 2

export interface FeedOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly telemetry: Telemetry
  readonly log: Log
  /** Aborts when the process has been asked to stop. */
  readonly stopping: AbortSignal
  readonly heartbeatMs: number
  readonly seats: Omit<SeatsOptions, 'what'>
}

export interface Wanted {
  readonly owner: string
  readonly filter: Filter
  /** The sequence behind which it begins; undefined: now. */
  readonly after?: number | undefined
  /** Asked at every heartbeat. */
  readonly stillMay: () => Promise<boolean>
  readonly onBeat?: () => void
  /** Also called when whoever reads closes it. */
  readonly onEnd?: (end: End) => void
}

export class Feed implements AsyncDisposable {
  readonly seats: Seats
  readonly #options: FeedOptions
  readonly #pages: LogPages
  readonly #cuts: Counter
  /** By the tick of their heartbeat. */
  readonly #ticks = Array.from({ length: TICKS }, () => new Set<Subscription>())
  #tail: Promise<Tail> | undefined
  #ticking: NodeJS.Timeout | undefined
  #tick = 0
  #subscribed = 0
  #wasNeeded = true

  constructor(options: FeedOptions) {
    this.#options = options
    const { bus, payloads, telemetry, stopping } = options
    this.seats = new Seats({ ...options.seats, what: READERS })
    this.#pages = new LogPages(bus, payloads)
    this.#cuts = telemetry.counter('sluice_event_readers_cut', 'Readers of events cut off, by why.')
    telemetry.gauge('sluice_event_readers', 'Readers of live events.', () => [
      { value: this.seats.taken },
    ])
    stopping.addEventListener('abort', () => this.#finishAll('stopping'), { once: true })
  }

  /** Throws a `Problem`: no seat, no such position, no log. */
  async subscribe({
    owner,
    filter,
    after,
    stillMay,
    onBeat,
    onEnd,
  }: Wanted): Promise<Subscription> {
    const { log, stopping } = this.#options
    if (stopping.aborted) throw new Problem('UNAVAILABLE', 'This edge is stopping.')
    const leave = this.seats.take(owner)
    try {
      const tail = await this.#follow()
      if (after !== undefined && after > tail.position) await this.requirePosition(after)
      if (stopping.aborted) throw new Problem('UNAVAILABLE', 'This edge is stopping.')
      // Lost meanwhile: whoever joined it would wait for ever.
      if (tail.isOver) throw new Problem('UNAVAILABLE', 'The log is out of reach.')
      const mine = this.#ticks[this.#subscribed++ % TICKS]
      const subscription = new Subscription({
        ...{ owner, filter, tail, pages: this.#pages, log, onBeat, stillMay },
        after: after ?? tail.position,
        onEnd: (subscription, end) => {
          leave()
          mine?.delete(subscription)
          if (end !== 'closed') this.#cuts.add(1, { reason: end })
          onEnd?.(end)
        },
      })
      mine?.add(subscription)
      return subscription
    } catch (error) {
      leave()
      throw error
    }
  }

  /** Of the log as it is now; rejects if the log does not answer. */
  async page(past: Past): Promise<LogPage> {
    return this.#pages.read(past)
  }

  /** Throws unless the log has come so far: a position of another log would be waited for in vain. */
  async requirePosition(after: number): Promise<void> {
    const { last_seq } = (await this.#options.bus.jsm.streams.info(EVENTS)).state
    if (after <= last_seq) return
    const message = `The log ends at ${last_seq}: nothing has come behind ${after}.`
    throw new Problem('INVALID_REQUEST', message, { field: 'since', end: last_seq })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finishAll('stopping')
    await this.#rest()
  }

  #follow(): Promise<Tail> {
    if (this.#tail !== undefined) return this.#tail
    const { bus, payloads, log, heartbeatMs } = this.#options
    const lost = () => {
      if (this.#tail === opening) this.#tail = undefined
      this.#finishAll('log_lost')
      opening.then((tail) => tail[Symbol.asyncDispose]()).catch(() => undefined)
    }
    const opening = Tail.open({ bus, payloads, log, onLost: lost })
    this.#tail = opening
    this.#ticking ??= setInterval(() => this.#beat(), heartbeatMs / TICKS)
    // Whoever comes next tries again.
    opening.catch(() => {
      if (this.#tail === opening) this.#tail = undefined
    })
    return opening
  }

  #beat(): void {
    const patienceMs = PATIENCE * this.#options.heartbeatMs
    this.#tick = (this.#tick + 1) % TICKS
    for (const subscription of [...(this.#ticks[this.#tick] ?? [])]) {
      subscription.requirePace(patienceMs)
      subscription.requireLeave()
      if (subscription.end === undefined) subscription.onBeat?.()
    }
    if (this.#tick > 0) return
    const isNeeded = this.seats.taken > 0
    if (!isNeeded && !this.#wasNeeded) {
      this.#rest().catch((error: unknown) => this.#options.log.warn('tail_not_closed', { error }))
    }
    this.#wasNeeded = isNeeded
  }

  /** Nobody reads. */
  async #rest(): Promise<void> {
    clearInterval(this.#ticking)
    this.#ticking = undefined
    const tail = this.#tail
    this.#tail = undefined
    await (await tail)?.[Symbol.asyncDispose]()
  }

  #finishAll(end: End): void {
    for (const tick of this.#ticks) for (const subscription of [...tick]) subscription.finish(end)
  }
}
