/**
 * Appends to one stream, in the order of the calls as far as the server lets one see it, with group
 * commit: `sync_interval: always` costs one fsync for each single message, while an atomic batch
 * costs a fixed few milliseconds for all of its messages together.
 *
 * Invariants:
 * 1. An append resolves only when the server has acknowledged it, which is after its fsync.
 * 2. What may or may not have been stored is said again with the same message id: the server drops
 *    the repeat. A batch is never repeated as a batch, since one repeated id rejects it whole.
 * 3. No timer: fewer than `BATCH_FROM` waiting go out one by one, at once; while `SINGLES_MAX` of
 *    them or a batch are in flight the rest collects and goes out as the next batch.
 * 4. What somebody waits for (`urgent`) does not wait for a batch in flight, as long as there is
 *    little of it: a flood of others then delays it by one commit and not by two.
 *
 * Source: NATS ADR-50 (atomic batch publishing).
 */
import { setTimeout as wait } from 'node:timers/promises'
import { headers as newHeaders, nuid, type Msg, type MsgHdrs } from '@nats-io/nats-core'
import { saysFull } from './api-errors.ts'
import { RpcError, type Rpc } from './rpc.ts'

const BATCH_FROM = 16
const SINGLES_MAX = 16
const URGENT_MAX = 2
const BATCH_MAX = 500
const BATCH_BYTES_MAX = 4 * 1024 ** 2
const ACK_TIMEOUT_MS = 5_000
const RETRY_FIRST_MS = 20
const RETRY_MAX_MS = 500

const WRONG_LAST_SEQUENCE = new Set([10071, 10164])

export interface Append {
  readonly subject: string
  /** `Nats-Msg-Id`. */
  readonly id: string
  readonly payload: string | Uint8Array
  /** When the server may forget the message. */
  readonly ttlDays?: number
  readonly headers?: readonly (readonly [name: string, value: string])[]
  /** The last sequence that `subject` (or `on`, a filter) must have; 0: none. */
  readonly expect?: { readonly seq: number; readonly on?: string }
  /** Somebody waits for it while others may be in no hurry. */
  readonly urgent?: boolean
}

export interface Appended {
  readonly seq: number
  /** The server had it already. */
  readonly duplicate: boolean
}

export type AppendErrorCode = 'CONFLICT' | 'STREAM_FULL' | 'UNAVAILABLE' | 'REFUSED'

/** `CONFLICT`: reload and decide again. `STREAM_FULL`, `UNAVAILABLE`: later. `REFUSED`: a bug. */
export class AppendError extends Error {
  readonly code: AppendErrorCode
  constructor(code: AppendErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AppendError'
    this.code = code
  }
}

interface Queued {
  readonly message: Append
  readonly deadline: number
  readonly bytes: number
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

interface Ack {
  readonly seq?: number
  readonly duplicate?: boolean
  readonly count?: number
  readonly error?: {
    readonly code: number
    readonly err_code: number
    readonly description: string
  }
}

export interface AppenderOptions {
  /** How long an append is tried before it rejects with `UNAVAILABLE`. */
  readonly giveUpAfterMs: number
}

export class Appender {
  readonly #rpc: Rpc
  readonly #giveUpAfterMs: number
  readonly #queue: Queued[] = []
  #singles = 0
  #urgent = 0
  #batching = false

  constructor(rpc: Rpc, { giveUpAfterMs }: AppenderOptions) {
    this.#rpc = rpc
    this.#giveUpAfterMs = giveUpAfterMs
  }

  /** Messages that wait for their turn, not counting those in flight. */
  get waiting(): number {
    return this.#queue.length
  }

  append(message: Append): Promise<Appended> {
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#giveUpAfterMs
      const bytes = message.payload.length
      const queued = { message, deadline, bytes, resolve, reject }
      if (message.urgent === true && this.#urgent < URGENT_MAX) {
        this.#settleUrgent(queued)
        return
      }
      this.#queue.push(queued)
      this.#flush()
    })
  }

  /** Appends all of `messages` or none. Rejects with `CONFLICT` if an expectation fails. */
  async appendAtomically(messages: readonly Append[]): Promise<Appended> {
    const [only] = messages
    if (messages.length === 1 && only !== undefined) return this.#publish(only)
    return toAppended(readAck(await this.#publishBatch(messages)))
  }

  #flush(): void {
    while (this.#queue.length > 0 && !this.#batching) {
      if (this.#queue.length >= BATCH_FROM) {
        if (this.#singles === 0) this.#settleBatch(this.#takeBatch())
        return
      }
      if (this.#singles >= SINGLES_MAX) return
      const queued = this.#queue.shift()
      if (queued !== undefined) this.#settleSingle(queued)
    }
  }

  #takeBatch(): Queued[] {
    let bytes = 0
    let count = 0
    for (const queued of this.#queue) {
      bytes += queued.bytes
      if (count === BATCH_MAX || (count > 0 && bytes > BATCH_BYTES_MAX)) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  #settleUrgent(queued: Queued): void {
    this.#urgent++
    const done = () => {
      this.#urgent--
    }
    this.#persist(queued).then(queued.resolve, queued.reject).finally(done)
  }

  #settleSingle(queued: Queued): void {
    this.#singles++
    const done = () => {
      this.#singles--
      this.#flush()
    }
    this.#persist(queued).then(queued.resolve, queued.reject).finally(done)
  }

  #settleBatch(batch: readonly Queued[]): void {
    this.#batching = true
    const settle = (ack: Ack) => {
      const last = ack.seq ?? 0
      batch.forEach((queued, index) => {
        queued.resolve({ seq: last - batch.length + 1 + index, duplicate: false })
      })
    }
    const oneByOne = () =>
      Promise.all(batch.map((q) => this.#persist(q).then(q.resolve, q.reject))).then(
        () => undefined,
      )
    this.#publishBatch(batch.map(({ message }) => message))
      .then((reply) => settle(readAck(reply)))
      .catch(oneByOne)
      .finally(() => {
        this.#batching = false
        this.#flush()
      })
  }

  /** One message until it is stored, refused, or its time is over. */
  async #persist({ message, deadline }: Queued): Promise<Appended> {
    for (let delay = RETRY_FIRST_MS; ; delay = Math.min(2 * delay, RETRY_MAX_MS)) {
      try {
        return await this.#publish(message)
      } catch (error) {
        if (!(error instanceof RpcError)) throw error
        if (error.code === 'CLOSED' || performance.now() + delay > deadline) {
          throw new AppendError('UNAVAILABLE', `${message.subject} was not stored in time`, {
            cause: error,
          })
        }
        await wait(delay)
      }
    }
  }

  async #publish(message: Append): Promise<Appended> {
    const options = { timeoutMs: ACK_TIMEOUT_MS, headers: headersOf(message) }
    return toAppended(readAck(await this.#rpc.request(message.subject, message.payload, options)))
  }

  #publishBatch(messages: readonly Append[]): Promise<Msg> {
    const batchId = nuid.next()
    for (const [index, message] of messages.entries()) {
      const headers = headersOf(message)
      headers.set('Nats-Batch-Id', batchId)
      headers.set('Nats-Batch-Sequence', String(index + 1))
      if (index < messages.length - 1) {
        this.#rpc.send(message.subject, message.payload, headers)
      } else {
        headers.set('Nats-Batch-Commit', '1')
        const options = { timeoutMs: ACK_TIMEOUT_MS, headers }
        return this.#rpc.request(message.subject, message.payload, options)
      }
    }
    throw new AppendError('REFUSED', 'an empty batch')
  }
}

/** By hand: the client's own batch drops expectations and message ids. */
function headersOf({ id, ttlDays, expect, headers: extra = [] }: Append): MsgHdrs {
  const headers = newHeaders()
  headers.set('Nats-Msg-Id', id)
  if (ttlDays !== undefined) headers.set('Nats-TTL', `${ttlDays * 24}h`)
  if (expect !== undefined) {
    headers.set('Nats-Expected-Last-Subject-Sequence', String(expect.seq))
    if (expect.on !== undefined) {
      headers.set('Nats-Expected-Last-Subject-Sequence-Subject', expect.on)
    }
  }
  for (const [name, value] of extra) headers.set(name, value)
  return headers
}

function readAck(reply: Msg): Ack {
  const ack = reply.json<Ack>()
  if (ack.error === undefined) return ack
  const { code, err_code, description } = ack.error
  if (WRONG_LAST_SEQUENCE.has(err_code)) throw new AppendError('CONFLICT', description)
  if (saysFull(code, description)) throw new AppendError('STREAM_FULL', description)
  throw new AppendError('REFUSED', `${description} (${err_code})`)
}

function toAppended({ seq = 0, duplicate = false }: Ack): Appended {
  return { seq, duplicate }
}
