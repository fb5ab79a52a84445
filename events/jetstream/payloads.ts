/**
 * Messages beyond 256 KiB: the envelope goes to an object store, the message carries its name.
 *
 * Invariants:
 * 1. The object is stored before the message that names it.
 * 2. What defines is kept for ever, what merely happened as long as the log keeps its message.
 * 3. A store that has no room or no server is an `AppendError`, as it is of the log itself.
 * 4. A job whose input lies in the store can start and end although there is no room for that input
 *    once more: `sealJob` then says so without it, in the message itself. The read model has the
 *    input from the acceptance; only a rebuild after the command is gone shows the job without.
 */
import { JetStreamApiError, jetstreamManager } from '@nats-io/jetstream'
import { Objm, setSha256Backend, type ObjectStore } from '@nats-io/obj'
import type { MsgHdrs, NatsConnection } from '@nats-io/nats-core'
import type { Envelope } from '../envelope.ts'
import type { JobEvent } from '../jobs.ts'
import { shareOf } from '../streams.ts'
import { saysFull } from './api-errors.ts'
import { AppendError, type Append } from './append.ts'

export const INLINE_BYTES_MAX = 256 * 1024
/** Each piece is a message and costs an fsync; the server takes no more than 1 MiB at once. */
const PIECE_BYTES = 768 * 1024
const HEADER = 'Sluice-Payload'
/** Beside it, for whoever decides by that whether to load the payload. */
const BRIEF = 'Sluice-Brief'
const NANOS_PER_DAY = 86_400_000_000_000

// Of the process. The library's own, in JavaScript, takes some 20 ms for each MiB.
setSha256Backend('native')

export type Keep = 'for-ever' | 'as-long-as-the-log'

export interface Payloads {
  /** The body and headers of the message that says `envelope`. */
  seal(envelope: Envelope, keep: Keep): Promise<Sealed> | Sealed
  /** The same for what happened to a job, which must be possible even if the store is full. */
  sealJob(event: JobEvent): Promise<Sealed> | Sealed
  /** Parses a message's envelope; synchronous unless it lies in the store. */
  open<E extends Envelope>(message: Stored): E | Promise<E>
}

/** A message whose payload lies in the store, as far as it says itself. */
export interface Brief {
  /** Without its `data`. */
  readonly envelope: Omit<Envelope, 'data'>
  readonly owner: string | null
  /** Of the payload, as JSON text. */
  readonly bytes: number
}

export type Sealed = Pick<Append, 'payload' | 'headers'>

export interface Stored {
  readonly data: Uint8Array
  readonly headers?: MsgHdrs | undefined
}

export interface PayloadOptions {
  readonly maxBytes: number
  readonly eventTtlDays: number
}

export async function openPayloads(nc: NatsConnection, options: PayloadOptions): Promise<Payloads> {
  const bucket = await bucketsOf(nc)
  const definitions = await bucket('definitions', shareOf(options, 'definitions'))
  // A day longer than its message, so that a message never names what is gone.
  const ttl = (options.eventTtlDays + 1) * NANOS_PER_DAY
  const happenings = await bucket('happenings', shareOf(options, 'happenings'), ttl)
  const stores: Readonly<Record<string, ObjectStore>> = { definitions, happenings }

  const put = async (store: string, envelope: Envelope, body: string): Promise<Sealed> => {
    const name = envelope.id
    const bytes = Buffer.from(body, 'utf8')
    try {
      await stores[store]?.putBlob({ name, options: { max_chunk_size: PIECE_BYTES } }, bytes)
    } catch (error) {
      throw notStored(error, `${store}/${name}`)
    }
    const brief = briefLine(envelope, bytes.length)
    return {
      payload: '',
      headers: [
        [HEADER, `${store}/${name}`],
        [BRIEF, brief],
      ],
    }
  }

  const load = async <E extends Envelope>(reference: string): Promise<E> => {
    const slash = reference.indexOf('/')
    const blob = await stores[reference.slice(0, slash)]?.getBlob(reference.slice(slash + 1))
    if (blob === null || blob === undefined) throw new PayloadMissing(reference)
    return JSON.parse(Buffer.from(blob).toString('utf8')) as E
  }

  const sealWithoutInput = async (event: JobEvent, sealing: Promise<Sealed>): Promise<Sealed> => {
    try {
      return await sealing
    } catch (error) {
      if (!(error instanceof AppendError) || error.code !== 'STREAM_FULL') throw error
      const body = JSON.stringify({ ...event, data: { ...event.data, input: null } })
      if (!isInline(body)) throw error
      return { payload: body }
    }
  }

  const seal: Payloads['seal'] = (envelope, keep) => {
    const body = JSON.stringify(envelope)
    if (isInline(body)) return { payload: body }
    return put(keep === 'for-ever' ? 'definitions' : 'happenings', envelope, body)
  }

  return {
    seal,
    sealJob(event) {
      const sealing = seal(event, 'as-long-as-the-log')
      return sealing instanceof Promise ? sealWithoutInput(event, sealing) : sealing
    },
    open<E extends Envelope>({ data, headers }: Stored) {
      if (data.length > 0) return JSON.parse(decode(data)) as E
      return load<E>(headers?.get(HEADER) ?? '')
    },
  }
}

/** Undefined: the message holds its payload itself, or tells no more than where it lies. */
export function briefOf({ data, headers }: Stored): Brief | undefined {
  const line = data.length > 0 ? '' : (headers?.get(BRIEF) ?? '')
  return line === '' ? undefined : (JSON.parse(line) as Brief)
}

function briefLine({ data, ...envelope }: Envelope, bytes: number): string {
  const { owner } = data as { readonly owner?: unknown }
  const brief: Brief = { envelope, owner: typeof owner === 'string' ? owner : null, bytes }
  // A header is no place for anything but ASCII.
  return JSON.stringify(brief).replace(/[^\x20-\x7e]/g, escaped)
}

const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Read again, it is no better: nobody will ever make sense of this message. */
export const isUnreadable = (error: unknown): error is Error =>
  error instanceof SyntaxError || error instanceof PayloadMissing

const isInline = (body: string) =>
  body.length <= INLINE_BYTES_MAX / 3 || Buffer.byteLength(body) <= INLINE_BYTES_MAX

function notStored(error: unknown, name: string): AppendError {
  const isFull = error instanceof JetStreamApiError && saysFull(error.status, error.message)
  return new AppendError(isFull ? 'STREAM_FULL' : 'UNAVAILABLE', `${name} was not stored`, {
    cause: error,
  })
}

/** Makes a bucket, or gives one that exists the bounds that are configured now. */
async function bucketsOf(nc: NatsConnection) {
  const objm = new Objm(nc)
  const jsm = await jetstreamManager(nc, { checkAPI: false })
  return async (name: string, max_bytes: number, max_age = 0): Promise<ObjectStore> => {
    const store = await objm.create(name, { max_bytes, ttl: max_age })
    const stream = `OBJ_${name}`
    const { config } = await jsm.streams.info(stream)
    if (config.max_bytes !== max_bytes || config.max_age !== max_age) {
      await jsm.streams.update(stream, { max_bytes, max_age })
    }
    return store
  }
}

/** A message names a payload that the store does not hold. */
export class PayloadMissing extends Error {
  readonly code = 'PAYLOAD_MISSING'
  constructor(reference: string) {
    super(`no stored payload ${JSON.stringify(reference)}`)
    this.name = 'PayloadMissing'
  }
}

function decode(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('utf8')
}
