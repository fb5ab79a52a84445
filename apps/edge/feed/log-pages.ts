/**
 * The log's past, page by page, for whoever reads from an older position than the tail remembers.
 *
 * Invariants:
 * 1. A page is bounded in events, in bytes, and in what is looked through for it, since most of it
 *    may be others'. `reached` says how far it went: the next one begins behind that.
 * 2. Few pages are read at once; nothing is held on the server or here between two of them.
 */
import { DeliverPolicy, type JsMsg } from '@nats-io/jetstream'
import { Problem } from '#domain/problem.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import { shownTypeOf } from '#events/shown.ts'
import { EVENTS } from '#events/streams.ts'
import { accepts, subjectOf, type Filter } from './filter.ts'
import { decode, type ShownEvent } from './shown-event.ts'

const AT_ONCE_MAX = 4
const WAITING_MAX = 10_000
const BATCH = 200
const PAGE_BYTES_MAX = 2 * 1024 ** 2
const LOOKED_THROUGH_MAX = 10_000
const WITHIN_MS = 1_000

export interface Past {
  readonly owner: string
  readonly filter: Filter
  /** The sequence behind which it begins. */
  readonly after: number
  readonly limit: number
}

export interface LogPage {
  readonly events: readonly ShownEvent[]
  /** Nothing that is wanted stands between `after` and here but these. */
  readonly reached: number
  /** There was no more when it was read. */
  readonly isEnd: boolean
}

export class LogPages {
  readonly #bus: Bus
  readonly #payloads: Payloads
  readonly #waiting: (() => void)[] = []
  #reading = 0

  constructor(bus: Bus, payloads: Payloads) {
    this.#bus = bus
    this.#payloads = payloads
  }

  /** Rejects if the log does not answer. */
  async read(past: Past): Promise<LogPage> {
    if (this.#reading < AT_ONCE_MAX) this.#reading++
    else await this.#turn()
    try {
      return await this.#read(past)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#reading--
      else next()
    }
  }

  /**
   * The sequence of the next event behind `after` on a subject, undefined if there is none: asked of
   * the stream's leader, which alone knows the end.
   */
  async next(filter: Filter, after: number): Promise<number | undefined> {
    const query = { seq: after + 1, next_by_subj: subjectOf(filter) }
    return (await this.#bus.jsm.streams.getMessage(EVENTS, query))?.seq
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX) {
      throw new Problem('OVERLOADED', 'Too many read the log at once.')
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async #read({ owner, filter, after, limit }: Past): Promise<LogPage> {
    const until = performance.now() + WITHIN_MS
    const maybe = maybeOf(owner)
    const taken: JsMsg[] = []
    let [bytes, seen, reached] = [0, 0, after]
    const options = {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      filter_subjects: subjectOf(filter),
      batch: BATCH,
    }
    // Whose it is may lie in the object store: what is taken is looked at again, in order.
    let isEnd = true
    await readToEnd(this.#bus, EVENTS, options, (message) => {
      const type = shownTypeOf(message.subject)
      const isWanted = type !== undefined && filter.types?.has(type) !== false
      if (isWanted && maybe(message.data)) {
        taken.push(message)
        bytes += message.data.length
      }
      reached = message.seq
      isEnd =
        taken.length < limit &&
        bytes < PAGE_BYTES_MAX &&
        ++seen < LOOKED_THROUGH_MAX &&
        performance.now() < until
      return isEnd ? undefined : 'enough'
    })
    const events: ShownEvent[] = []
    for (const message of taken) {
      const event = await decode(message, this.#payloads)
      if (event?.owner === owner && accepts(filter, event)) events.push(event)
    }
    return { events, reached, isEnd }
  }
}

/** Whether a message may be this owner's: looked for in its bytes, since parsing costs far more. */
function maybeOf(owner: string): (data: Uint8Array) => boolean {
  const sign = Buffer.from(`"owner":${JSON.stringify(owner)}`)
  return (data) =>
    data.length === 0 || Buffer.from(data.buffer, data.byteOffset, data.length).includes(sign)
}
