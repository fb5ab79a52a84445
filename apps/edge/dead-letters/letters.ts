/**
 * Dead letters, read straight from the stream DEAD: those that our own processes buried, and what the
 * server says of consumers that gave up (its max-deliveries advisories), in one format.
 *
 * Invariants:
 * 1. A page is read from its cursor on and costs no more than `SCANNED_MAX` messages, whatever it is
 *    filtered by; the next one goes on where it ended.
 * 2. That a letter was redriven is a message beside it, said against the one before: of two who
 *    redrive the same letter one does.
 */
import { DeliverPolicy, type JsMsg, type StoredMsg } from '@nats-io/jetstream'
import { Problem } from '#domain/problem.ts'
import { envelope, type Cause } from '#events/envelope.ts'
import { AppendError, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { DeadLetter, LetterRedriven } from '#events/letters.ts'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import { DEAD } from '#events/streams.ts'
import { filters, subjects } from '#events/subjects.ts'
import { stored } from '../commands.ts'

const SCANNED_MAX = 1_000

export interface Letter {
  /** Where it stands on DEAD. */
  readonly id: number
  /** ISO 8601. */
  readonly at: string
  readonly stream: string
  readonly consumer: string
  /** Of the message that could not be done. */
  readonly seq: number
  /** Null: the message is gone, and nobody kept it. */
  readonly subject: string | null
  readonly deliveries: number
  readonly code: string
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>
  readonly payload: string | null
}

export type Redriven = LetterRedriven['data']

export interface Wanted {
  readonly stream?: string | undefined
  readonly consumer?: string | undefined
  readonly code?: string | undefined
  /** The last letter of the page before. */
  readonly after: number
  readonly limit: number
}

export interface Page {
  readonly letters: readonly Letter[]
  /** What `after` of the next page is; null: there is none. */
  readonly next: number | null
}

export class DeadLetters {
  readonly #bus: Bus
  readonly #appender: Appender

  constructor(bus: Bus, appender: Appender) {
    this.#bus = bus
    this.#appender = appender
  }

  /** Oldest first. */
  async page({ stream = '*', consumer = '*', code, after, limit }: Wanted): Promise<Page> {
    const found: (Letter | Advisory)[] = []
    let scanned = 0
    let last = after
    let next: number | null = null
    const options = {
      filter_subjects: filters.deadOf(stream, consumer),
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
    }
    await inReach(
      readToEnd(this.#bus, DEAD, options, (message) => {
        if (found.length === limit || scanned === SCANNED_MAX) {
          next = last
          return 'enough'
        }
        scanned++
        last = message.seq
        const letter = letterIn(message.seq, message.subject, message.time, dataOf(message))
        if (code === undefined || letter.code === code) found.push(letter)
        return undefined
      }),
    )
    const letters = await Promise.all(found.map((letter) => this.#completed(letter)))
    return { letters, next }
  }

  /** Undefined: there is no such letter (any more). */
  async find(id: number): Promise<Letter | undefined> {
    const message = await this.#stored(DEAD, { seq: id })
    if (message === null || message.subject.startsWith('redriven.')) return undefined
    return this.#completed(letterIn(id, message.subject, message.time, dataOf(message)))
  }

  /** The message whole, also where the letter does not hold it. */
  async payloadOf({ payload, stream, seq }: Letter): Promise<string | undefined> {
    if (payload !== null) return payload
    const message = await this.#stored(stream, { seq })
    return message === null ? undefined : Buffer.from(message.data).toString('utf8')
  }

  async redriven(id: number): Promise<{ seq: number; data: Redriven } | undefined> {
    const message = await this.#stored(DEAD, { last_by_subj: subjects.redriven(id) })
    if (message === null) return undefined
    return { seq: message.seq, data: message.json<LetterRedriven>().data }
  }

  /** Says that it is redriven, against the last time that this was said; throws if overtaken. */
  sayRedriven(data: Redriven, before: number, cause: Cause): Promise<void> {
    return stored(this.#sayRedriven(data, before, cause))
  }

  async #sayRedriven(data: Redriven, before: number, cause: Cause): Promise<void> {
    const { letter, times } = data
    const id = `${DEAD}:${letter}:redriven:${times}`
    const said = { source: 'sluice/edge', time: data.at, cause }
    const type = 'dead.redriven'
    const event = envelope(said, { id, type, subject: String(letter), data })
    const subject = subjects.redriven(letter)
    const payload = JSON.stringify(event)
    try {
      await this.#appender.append({ subject, id, payload, expect: { seq: before } })
    } catch (error) {
      if (!(error instanceof AppendError) || error.code !== 'CONFLICT') throw error
      throw new Problem('CONFLICT', `Letter ${letter} is being redriven by somebody else.`)
    }
  }

  /** False: it was gone already. */
  async remove(id: number): Promise<boolean> {
    if ((await this.find(id)) === undefined) return false
    const removed = await inReach(this.#bus.jsm.streams.deleteMessage(DEAD, id))
    await inReach(this.#bus.jsm.streams.purge(DEAD, { filter: subjects.redriven(id) }))
    return removed
  }

  /** An advisory only names the message: what is left of that is found where it stood. */
  async #completed(letter: Letter | Advisory): Promise<Letter> {
    if (!('isAdvisory' in letter)) return letter
    const message = await this.#stored(letter.stream, { seq: letter.seq })
    if (message === null) return letter
    const headers = Object.fromEntries(
      [...message.header].map(([name, values]) => [name, values[0] ?? '']),
    )
    return { ...letter, subject: message.subject, headers, payload: dataOf(message) }
  }

  #stored(stream: string, query: { seq: number } | { last_by_subj: string }) {
    return inReach(this.#bus.jsm.streams.getMessage(stream, query))
  }
}

type Advisory = Letter & { readonly isAdvisory: true }

/** What the server says of a consumer that gave a message up. */
interface MaxDeliveries {
  readonly stream: string
  readonly consumer: string
  readonly stream_seq: number
  readonly deliveries: number
}

function letterIn(id: number, subject: string, at: Date, text: string): Letter | Advisory {
  const where = { id, at: at.toISOString() }
  try {
    return subject.startsWith('dead.') ? buriedIn(where, text) : givenUpIn(where, text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    // Whoever reaches NATS may write here; it must not hide what else there is.
    const nothing = { stream: '', consumer: '', seq: 0, subject: null, deliveries: 0, headers: {} }
    const reason = `What ${subject} holds is no letter.`
    return { ...where, ...nothing, code: 'NO_LETTER', reason, payload: text }
  }
}

type Where = Pick<Letter, 'id' | 'at'>

function buriedIn(where: Where, text: string): Letter {
  const { data } = JSON.parse(text) as Partial<DeadLetter>
  if (typeof data !== 'object') throw new SyntaxError('it has no data')
  // Letters from before there were codes are told apart by their reason alone.
  return { ...where, ...data, code: data.code ?? 'UNKNOWN' }
}

function givenUpIn(where: Where, text: string): Advisory {
  const { stream, consumer, stream_seq: seq, deliveries } = JSON.parse(text) as MaxDeliveries
  const reason = `The consumer gave it up after ${deliveries} deliveries.`
  return {
    ...{ ...where, stream, consumer, seq, subject: null, deliveries, code: 'MAX_DELIVERIES' },
    ...{ reason, headers: {}, payload: null, isAdvisory: true },
  }
}

const dataOf = ({ data }: Pick<JsMsg | StoredMsg, 'data'>) => Buffer.from(data).toString('utf8')

async function inReach<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking
  } catch (cause) {
    throw new Problem('UNAVAILABLE', 'The dead letters are out of reach.', undefined, { cause })
  }
}
