/** The newest word on each key, on the stream KEYS: read, and replaced by compare-and-set. */
import { Problem } from '#domain/problem.ts'
import type { KeyEvent } from '#events/keys.ts'
import { AppendError, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { KEYS } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { stored } from '../commands.ts'

export interface KeyLogOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  /** Of its own: what goes to two streams is no batch. */
  readonly appender: Appender
}

export interface Word {
  readonly seq: number
  readonly event: KeyEvent
}

export class KeyLog {
  readonly #options: KeyLogOptions

  constructor(options: KeyLogOptions) {
    this.#options = options
  }

  async newest(digest: string): Promise<Word | undefined> {
    const { bus, payloads } = this.#options
    try {
      const found = await bus.jsm.streams.getMessage(KEYS, { last_by_subj: subjects.key(digest) })
      if (found === null) return undefined
      const { seq, data, header: headers } = found
      return { seq, event: await payloads.open<KeyEvent>({ data, headers }) }
    } catch (cause) {
      const message = 'What is known of the Idempotency-Key cannot be read.'
      throw new Problem('UNAVAILABLE', message, undefined, { cause })
    }
  }

  /** Resolves with its sequence; undefined: somebody else has said something since `seq`. */
  async replace(digest: string, seq: number, event: KeyEvent): Promise<number | undefined> {
    const replaced = await stored(this.#append(digest, seq, event))
    if (replaced !== undefined) return replaced
    // Said again after a lost acknowledgement, one's own word is in one's own way.
    const now = await this.newest(digest)
    return now?.event.id === event.id ? now.seq : undefined
  }

  async #append(digest: string, seq: number, event: KeyEvent): Promise<number | undefined> {
    const { payloads, appender } = this.#options
    const { id } = event
    try {
      const sealed = await payloads.seal(event, 'as-long-as-the-log')
      const subject = subjects.key(digest)
      return (await appender.append({ ...sealed, subject, id, expect: { seq } })).seq
    } catch (error) {
      if (error instanceof AppendError && error.code === 'CONFLICT') return undefined
      throw error
    }
  }
}
