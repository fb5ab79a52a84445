/**
 * What has been read from both streams and not yet been applied, in each stream's order.
 *
 * COMMANDS is read in order too, not through a durable: a durable redelivers late and out of order
 * what a dead leader had claimed, and "everything up to here" would not be true meanwhile. The
 * checkpoint keeps commands in the stream until they are applied: the handler reclaims behind it.
 *
 * Invariants:
 * 1. Messages are parsed on arrival, while a statement is in flight; those that lie in the object
 *    store are fetched when their turn comes. Commands that no read model applies are not looked at.
 * 2. A message that cannot be read is handed on as bad; a failing server is thrown.
 * 3. What waits here is bounded: beyond `WAITING_MAX` or `WAITING_BYTES_MAX` reading stops, and it
 *    goes on from where it stopped when most of it has been taken.
 */
import type { JsMsg } from '@nats-io/jetstream'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeInOrder, type Consumption } from '#events/jetstream/consume.ts'
import { PayloadMissing, type Payloads } from '#events/jetstream/payloads.ts'
import { COMMANDS, EVENTS } from '#events/streams.ts'
import { filters, parseRun } from '#events/subjects.ts'
import type { Position } from '#projections/checkpoint.ts'
import { BadMessage } from '#projections/fit.ts'
import { happeningIn, type Recorded } from '#projections/recorded.ts'

const WAITING_MAX = 10_000
const WAITING_BYTES_MAX = 64 * 1024 ** 2
/** Share of the bounds below which reading goes on. */
const RESUME_BELOW = 0.25
const IN_FLIGHT_MAX = 2_000
const BATCH_BYTES_MAX = 16 * 1024 ** 2
const FETCH_TIMEOUT_MS = 20_000

export type StreamName = Recorded['stream']

/** `bad` says why a message is not applied; its `happening` is then undefined. */
export interface Entry {
  readonly message: JsMsg
  readonly recorded: Recorded
  readonly bad: Error | undefined
}

interface Waiting {
  readonly stream: StreamName
  readonly message: JsMsg
  /** Undefined if it lies in the object store. */
  readonly entry: Entry | undefined
}

export interface IntakeOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly from: Position
  readonly onArrival: () => void
  readonly onTrouble: (event: string, fields: Record<string, unknown>) => void
}

export class Intake {
  readonly #options: IntakeOptions
  readonly #waiting: Waiting[] = []
  readonly #readers = new Map<StreamName, Consumption>()
  readonly #last: Record<StreamName, number>
  /** Taken entries before this index are gone; shifting one by one would cost on long queues. */
  #head = 0
  #bytes = 0
  #pausing: Promise<unknown> | undefined
  #stopped = false

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#last = { [EVENTS]: options.from.events, [COMMANDS]: options.from.commands }
    this.#read()
  }

  get size(): number {
    return this.#waiting.length - this.#head
  }

  /** The next messages, at most `max`, at least one if any wait. */
  async take(max: number): Promise<readonly Entry[]> {
    const taken: Entry[] = []
    let bytes = 0
    while (taken.length < max && bytes < BATCH_BYTES_MAX) {
      const waiting = this.#waiting[this.#head]
      if (waiting === undefined) break
      // What is at hand does not wait for what must be fetched.
      if (waiting.entry === undefined && taken.length > 0) break
      taken.push(waiting.entry ?? (await this.#fetch(waiting)))
      bytes += waiting.message.data.length
      this.#head++
    }
    this.#bytes -= bytes
    if (this.#head > this.#waiting.length / 2) {
      this.#waiting.splice(0, this.#head)
      this.#head = 0
    }
    if (this.#pausing !== undefined && this.#below(RESUME_BELOW)) await this.#resume()
    return taken
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#pausing
    await Promise.all([...this.#readers.values()].map((reader) => reader.stop()))
  }

  #read(): void {
    const { bus, onTrouble } = this.#options
    for (const [stream, filter] of STREAMS) {
      const reader = consumeInOrder(bus, {
        stream,
        filter,
        from: this.#last[stream] + 1,
        maxMessages: IN_FLIGHT_MAX,
        onMessage: (message) => this.#arrive(stream, message),
        onTrouble,
      })
      this.#readers.set(stream, reader)
    }
  }

  #arrive(stream: StreamName, message: JsMsg): void {
    const entry = this.#parse(stream, message)
    this.#last[stream] = message.seq
    this.#bytes += message.data.length
    this.#waiting.push({ stream, message, entry })
    if (!this.#below(1) && this.#pausing === undefined && !this.#stopped) this.#pause()
    this.#options.onArrival()
  }

  /** Undefined: it must be fetched. */
  #parse(stream: StreamName, message: JsMsg): Entry | undefined {
    if (stream === COMMANDS && parseRun(message.subject) === undefined) {
      return entryOf(stream, message, undefined)
    }
    if (message.data.length === 0) return undefined
    try {
      const envelope = this.#options.payloads.open(message)
      if (envelope instanceof Promise) throw new BadMessage('neither inline nor in the store')
      return entryOf(stream, message, happeningIn(stream, envelope))
    } catch (error) {
      return entryOf(stream, message, undefined, error as Error)
    }
  }

  async #fetch({ stream, message }: Waiting): Promise<Entry> {
    try {
      const envelope = await inTime(this.#options.payloads.open(message))
      return entryOf(stream, message, happeningIn(stream, envelope))
    } catch (error) {
      if (isBad(error)) return entryOf(stream, message, undefined, error)
      throw error
    }
  }

  #below(share: number): boolean {
    return this.size < share * WAITING_MAX && this.#bytes < share * WAITING_BYTES_MAX
  }

  #pause(): void {
    this.#pausing = Promise.all([...this.#readers.values()].map((reader) => reader.stop()))
  }

  async #resume(): Promise<void> {
    await this.#pausing
    this.#pausing = undefined
    if (!this.#stopped) this.#read()
  }
}

const STREAMS = [
  [EVENTS, filters.events],
  [COMMANDS, filters.commands],
] as const

function entryOf(
  stream: StreamName,
  message: JsMsg,
  happening: Recorded['happening'],
  bad?: Error,
): Entry {
  const at = Math.floor(message.info.timestampNanos / 1_000_000)
  return { message, recorded: { stream, seq: message.seq, at, happening }, bad }
}

/** The store's client waits for ever for an object that has lost a part. */
async function inTime<T>(fetching: T | Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const error = new Error(`the object store gave no answer within ${FETCH_TIMEOUT_MS} ms`)
  const timer = setTimeout(() => reject(error), FETCH_TIMEOUT_MS)
  try {
    return await Promise.race([fetching, late])
  } finally {
    clearTimeout(timer)
  }
}

function isBad(error: unknown): error is Error {
  return (
    error instanceof BadMessage || error instanceof PayloadMissing || error instanceof SyntaxError
  )
}
