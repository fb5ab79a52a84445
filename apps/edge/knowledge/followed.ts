/**
 * One kind of event, read into memory: all that the log holds at start, and whatever comes from
 * there. How all edges stay in step with what they read: `agreement.ts`.
 *
 * Invariants:
 * 1. Messages are taken one after another in the log's order, also those that lie in the object
 *    store; of what was there at start, the newest of each subject.
 * 2. The position moves only behind what has been taken.
 */
import type { JsMsg } from '@nats-io/jetstream'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeInOrder, type Consumption } from '#events/jetstream/consume.ts'
import { EVENTS } from '#events/streams.ts'
import type { Log } from '#runtime/log.ts'
import { untilDone } from '#runtime/retry.ts'
import type { Reader } from './agreement.ts'

/** What an edge knows by heart of one kind of event. */
export interface ByHeart {
  /** The subjects of the events. */
  readonly filter: string
  /** Throws what another attempt may mend. */
  take(message: JsMsg): Promise<void> | void
}

export interface FollowedOptions {
  readonly bus: Bus
  readonly log: Log
  readonly signal: AbortSignal
}

export class Followed implements Reader, AsyncDisposable {
  readonly filter: string
  readonly #byHeart: ByHeart
  readonly #options: FollowedOptions
  readonly #consumption: Consumption
  #reading: Promise<void> = Promise.resolve()
  #position = 0
  #onRead: (position: number) => void = () => undefined

  private constructor(byHeart: ByHeart, options: FollowedOptions) {
    this.#byHeart = byHeart
    this.#options = options
    this.filter = byHeart.filter
    this.#consumption = consumeInOrder(options.bus, {
      stream: EVENTS,
      filter: this.filter,
      from: 1,
      lastPerSubject: true,
      maxMessages: 1_000,
      onMessage: (message) => {
        this.#reading = this.#reading.then(() => this.#read(message))
      },
      onTrouble: options.log.warn,
    })
  }

  /** Resolves when everything that the log holds has been read. */
  static async open(byHeart: ByHeart, options: FollowedOptions): Promise<Followed> {
    const newest = await options.bus.jsm.streams.getMessage(EVENTS, {
      last_by_subj: byHeart.filter,
    })
    const followed = new Followed(byHeart, options)
    const end = newest?.seq ?? 0
    if (end > 0) {
      await new Promise<void>((resolve) => {
        followed.#onRead = (position) => {
          if (position >= end) resolve()
        }
      })
    }
    return followed
  }

  get position(): number {
    return this.#position
  }

  onRead(callback: (position: number) => void): void {
    this.#onRead = callback
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumption.stop()
    await this.#reading
  }

  async #read(message: JsMsg): Promise<void> {
    const { log, signal } = this.#options
    const take = async () => this.#byHeart.take(message)
    try {
      await untilDone(take, { what: `take ${this.filter}`, log, signal })
    } catch (error) {
      if (!signal.aborted) throw error
      return
    }
    this.#position = message.seq
    this.#onRead(message.seq)
  }
}
