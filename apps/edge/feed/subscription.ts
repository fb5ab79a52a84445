/**
 * One reader's way through the log: page by page until it stands near the end, with the tail from
 * there.
 *
 * Invariants:
 * 1. Each event that is wanted is handed out once, in order, and none is left out: `#seen` is the
 *    last sequence that is in the queue or needed no more, and both ways go on behind it.
 * 2. What waits here is bounded. Nothing is read ahead from the past; of the present, who does not
 *    keep up is cut off, and told behind which event to come back.
 * 3. A log that is away delays, and is asked again.
 */
import type { Log } from '#runtime/log.ts'
import { untilDone } from '#runtime/retry.ts'
import type { ShownType } from '#events/shown.ts'
import { accepts, type Filter } from './filter.ts'
import type { LogPages } from './log-pages.ts'
import type { ShownEvent } from './shown-event.ts'
import { sizeOf, type Tail, type TailReader } from './tail.ts'

/** Larger ones that lie in the object store are told without their data. */
export const STREAMED_BYTES_MAX = 1024 ** 2
const QUEUE_MAX = 2_000
const QUEUE_BYTES_MAX = 4 * 1024 ** 2
const HANDED_MAX = 250
const HANDED_BYTES_MAX = 1024 ** 2
const PAGE = 250

/**
 * Why no more comes. `closed`: whoever read is done. `slow`: it did not keep up. `stopping`: this
 * edge stops. `log_lost`: nobody can vouch for what follows. `unauthorized`: its credentials have
 * ended, or no longer give this.
 */
export type End = 'closed' | 'slow' | 'stopping' | 'log_lost' | 'unauthorized'

export interface HandedEvent {
  readonly seq: number
  readonly type: ShownType
  /** The envelope as JSON text, with `seq` in front. */
  readonly json: string
}

export interface SubscriptionOptions {
  readonly owner: string
  readonly filter: Filter
  /** The sequence behind which it begins. */
  readonly after: number
  readonly tail: Tail
  readonly pages: LogPages
  readonly log: Log
  readonly stillMay: () => Promise<boolean>
  /** Called at every heartbeat. */
  readonly onBeat?: (() => void) | undefined
  readonly onEnd: (subscription: Subscription, end: End) => void
}

export class Subscription implements TailReader, AsyncIterable<HandedEvent> {
  readonly owner: string
  readonly onBeat: (() => void) | undefined
  readonly #options: SubscriptionOptions
  readonly #queue: ShownEvent[] = []
  #queueBytes = 0
  #seen: number
  #given: number
  #isLive: boolean
  #isAsked = false
  /** Out of the queue, and not with the reader yet. */
  #isHanding = false
  /** When it was last asked for more. */
  #askedAtMs = performance.now()
  #wake: (() => void) | undefined
  #closing: AbortController | undefined
  #end: End | undefined

  constructor(options: SubscriptionOptions) {
    this.#options = options
    this.owner = options.owner
    this.onBeat = options.onBeat
    this.#seen = options.after
    this.#given = options.after
    this.#isLive = options.tail.join(this)
  }

  /** Undefined while it goes on. */
  get end(): End | undefined {
    return this.#end
  }

  get seen(): number {
    return this.#seen
  }

  /** All that is wanted up to here has been handed out. After the end it stays where it was. */
  get position(): number {
    if (this.#end !== undefined || this.#isHanding || this.#queue.length > 0) return this.#given
    return this.#isLive ? Math.max(this.#seen, this.#options.tail.position) : this.#seen
  }

  /** All that was handed out has been dealt with: it was asked for more, and there is none. */
  get isIdle(): boolean {
    return this.#isAsked && this.#isLive && !this.#isHanding && this.#queue.length === 0
  }

  /** What comes next, some of it at once; empty: it has ended. One call at a time. */
  async next(): Promise<readonly HandedEvent[]> {
    this.#isAsked = true
    try {
      while (this.#end === undefined) {
        if (this.#queue.length > 0) return await this.#hand()
        if (this.#isLive) await new Promise<void>((resolve) => (this.#wake = resolve))
        else await this.#goOn()
      }
    } catch (error) {
      if (this.#end === undefined) {
        this.#options.log.error('events_not_read', { error })
        this.finish('log_lost')
      }
    } finally {
      this.#isAsked = false
      this.#askedAtMs = performance.now()
    }
    return []
  }

  /** One by one. No generator: its `return` would wait for an event before it ends anything. */
  [Symbol.asyncIterator](): AsyncIterator<HandedEvent, undefined> {
    let handed: readonly HandedEvent[] = []
    let at = 0
    const done = { done: true, value: undefined } as const
    return {
      next: async () => {
        if (at === handed.length) [handed, at] = [await this.next(), 0]
        const value = handed[at++]
        return value === undefined ? done : { done: false, value }
      },
      return: async () => {
        this.close()
        return done
      },
    }
  }

  offer(event: ShownEvent): void {
    if (event.seq <= this.#seen || this.#end !== undefined) return
    this.#seen = event.seq
    if (!accepts(this.#options.filter, event)) return
    this.#put(event)
    if (this.#queue.length > QUEUE_MAX || this.#queueBytes > QUEUE_BYTES_MAX) this.finish('slow')
    // Once for all that comes in this turn of the loop: a write for each would cost far more.
    else if (this.#queue.length === 1) setImmediate(() => this.#wake?.())
  }

  /** Cuts it off if nobody has asked for more for so long. */
  requirePace(withinMs: number): void {
    if (!this.#isAsked && performance.now() - this.#askedAtMs > withinMs) this.finish('slow')
  }

  /** Cuts it off if its reader may no longer read. */
  requireLeave(): void {
    const { stillMay, log } = this.#options
    stillMay().then(
      (may) => {
        if (!may) this.finish('unauthorized')
      },
      (error: unknown) => {
        log.error('credentials_not_checked', { error })
        this.finish('unauthorized')
      },
    )
  }

  close(): void {
    this.finish('closed')
  }

  finish(end: End): void {
    if (this.#end !== undefined) return
    this.#given = this.position
    this.#end = end
    this.#queue.length = 0
    this.#options.tail.leave(this)
    this.#closing?.abort()
    this.#wake?.()
    this.#options.onEnd(this, end)
  }

  /** Steps through the past. */
  async #goOn(): Promise<void> {
    const { tail, pages, owner, filter, log } = this.#options
    this.#isLive = tail.join(this)
    if (this.#isLive) return
    this.#closing ??= new AbortController()
    const retry = { what: 'read events', log, signal: this.#closing.signal }
    const offered = tail.position
    const past = { owner, filter, after: this.#seen, limit: PAGE }
    const { events, reached, isEnd } = await untilDone(() => pages.read(past), retry)
    for (const event of events) this.#put(event)
    this.#seen = reached
    if (!isEnd || events.length > 0) return
    const next = await untilDone(() => pages.next(filter, reached), retry)
    if (next === undefined || next > offered) this.#seen = Math.max(reached, offered)
  }

  #put(event: ShownEvent): void {
    this.#queue.push(event)
    this.#queueBytes += sizeOf(event)
  }

  async #hand(): Promise<readonly HandedEvent[]> {
    const queue = this.#queue
    this.#isHanding = true
    let [count, bytes] = [0, 0]
    while (count < Math.min(HANDED_MAX, queue.length)) {
      bytes += queue[count]?.bytes ?? 0
      if (count > 0 && bytes > HANDED_BYTES_MAX) break
      count++
    }
    const events = queue.splice(0, count)
    const handed: HandedEvent[] = []
    for (const event of events) {
      this.#queueBytes -= sizeOf(event)
      const { seq, type } = event
      const json = this.#jsonOf(event)
      handed.push({ seq, type, json: json instanceof Promise ? await json : json })
    }
    if (this.#end !== undefined) return []
    this.#isHanding = false
    this.#given = queue.length > 0 ? (events.at(-1)?.seq ?? this.#given) : this.#seen
    return handed
  }

  #jsonOf({ seq, bytes, brief, whole }: ShownEvent): string | Promise<string> {
    if (brief === undefined) return whole()
    if (bytes > STREAMED_BYTES_MAX) return brief
    this.#closing ??= new AbortController()
    const { signal } = this.#closing
    const { log } = this.#options
    return untilDone(async () => whole(), { what: `load event ${seq}`, log, signal })
  }
}
