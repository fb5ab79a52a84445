/**
 * The end of the log, read once for all readers of an edge: each event is decoded once and offered
 * to those of its owner.
 *
 * Invariants:
 * 1. Events are offered in the log's order, each once; a lost connection leaves no gap.
 * 2. Whoever joins has all that came behind their position: the newest events are remembered, and who
 *    stands further back than these is not let in.
 * 3. If the log is another one than before, or an event cannot be told, `onLost` is called and nothing
 *    more is offered: what nobody can vouch for is not passed off as whole.
 */
import type { JsMsg } from '@nats-io/jetstream'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeInOrder, type Consumption } from '#events/jetstream/consume.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import type { Fields, Log } from '#runtime/log.ts'
import { untilDone } from '#runtime/retry.ts'
import { decode, type ShownEvent } from './shown-event.ts'

const REMEMBERED_MAX = 1_000
const REMEMBERED_BYTES_MAX = 2 * 1024 ** 2
const AHEAD_MAX = 1_000

export interface TailReader {
  readonly owner: string
  /** The last sequence that it needs no more. */
  readonly seen: number
  offer(event: ShownEvent): void
}

export interface TailOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly log: Log
  readonly onLost: () => void
}

export class Tail implements AsyncDisposable {
  readonly #options: TailOptions
  readonly #created: string
  readonly #readers = new Map<string, Set<TailReader>>()
  readonly #stopping = new AbortController()
  readonly #consumption: Consumption
  readonly #forgetReconnects: () => void
  #reading: Promise<void> = Promise.resolve()
  #position: number
  /** All that is shown and stands behind `#floor`, in order. */
  readonly #remembered: ShownEvent[] = []
  #rememberedBytes = 0
  #floor: number

  private constructor(options: TailOptions, created: string, end: number) {
    this.#options = options
    this.#created = created
    this.#position = end
    this.#floor = end
    const { bus, log } = options
    this.#consumption = consumeInOrder(bus, {
      stream: EVENTS,
      filter: filters.events,
      from: end + 1,
      maxMessages: AHEAD_MAX,
      onMessage: (message) => {
        this.#reading = this.#reading.then(() => this.#take(message))
      },
      onTrouble: log.warn,
    })
    this.#forgetReconnects = bus.onReconnect(() => {
      this.#requireSameLog().catch((error: unknown) => this.#lose('log_not_known', { error }))
    })
  }

  /** From now on. Rejects if the log does not answer. */
  static async open(options: TailOptions): Promise<Tail> {
    const { created, state } = await options.bus.jsm.streams.info(EVENTS)
    return new Tail(options, created, state.last_seq)
  }

  /** The last sequence of EVENTS that has been offered, or was for nobody. */
  get position(): number {
    return this.#position
  }

  /** Nothing more is offered. */
  get isOver(): boolean {
    return this.#stopping.signal.aborted
  }

  /** False: what came behind the reader's position is not all remembered. */
  join(reader: TailReader): boolean {
    const { owner, seen } = reader
    if (seen < this.#floor) return false
    for (const event of this.#remembered) {
      if (event.seq > seen && event.owner === owner) reader.offer(event)
    }
    const own = this.#readers.get(owner)
    if (own === undefined) this.#readers.set(owner, new Set([reader]))
    else own.add(reader)
    return true
  }

  leave(reader: TailReader): void {
    const own = this.#readers.get(reader.owner)
    own?.delete(reader)
    if (own?.size === 0) this.#readers.delete(reader.owner)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#forgetReconnects()
    this.#stopping.abort()
    await this.#consumption.stop()
    await this.#reading
  }

  async #take(message: JsMsg): Promise<void> {
    const { payloads, log } = this.#options
    const { signal } = this.#stopping
    if (signal.aborted) return
    try {
      let event = decode(message, payloads)
      if (event instanceof Promise) {
        const load = async () => decode(message, payloads)
        event = await untilDone(load, { what: `show event ${message.seq}`, log, signal })
      }
      this.#position = message.seq
      if (event !== undefined) this.#offer(event)
    } catch (error) {
      this.#lose('event_not_shown', { seq: message.seq, error })
    }
  }

  #offer(event: ShownEvent): void {
    const remembered = this.#remembered
    remembered.push(event)
    this.#rememberedBytes += sizeOf(event)
    while (
      remembered.length > REMEMBERED_MAX ||
      (this.#rememberedBytes > REMEMBERED_BYTES_MAX && remembered.length > 1)
    ) {
      const oldest = remembered.shift()
      if (oldest === undefined) break
      this.#rememberedBytes -= sizeOf(oldest)
      this.#floor = oldest.seq
    }
    for (const reader of this.#readers.get(event.owner) ?? []) reader.offer(event)
  }

  async #requireSameLog(): Promise<void> {
    const { bus, log } = this.#options
    const { signal } = this.#stopping
    const look = () => bus.jsm.streams.info(EVENTS)
    const { created, state } = await untilDone(look, { what: 'same_log', log, signal })
    if (created === this.#created && state.last_seq >= this.#position) return
    this.#lose('log_replaced', { position: this.#position, end: state.last_seq })
  }

  #lose(event: string, fields: Fields): void {
    const { log, onLost } = this.#options
    if (this.#stopping.signal.aborted) return
    log.error(event, fields)
    this.#stopping.abort()
    onLost()
  }
}

/** In this process. */
export const sizeOf = ({ brief, bytes }: ShownEvent) => brief?.length ?? bytes
