/**
 * A key in hand: the lease is renewed while the request is in progress.
 *
 * Invariants:
 * 1. Each word is said against the sequence of one's own last one: whoever was too slow is fenced,
 *    and cannot say anything over a taker's word.
 * 2. One's own lease ends `SLACK_MS` before it does for others: clocks differ.
 * 3. The id of what is created is in the log before anybody gets it.
 */
import { randomUUID } from 'node:crypto'
import { Problem } from '#domain/problem.ts'
import { envelope, type Cause } from '#events/envelope.ts'
import { keyMessageId, type CreatedId, type KeyEvent, type KeyHeld } from '#events/keys.ts'
import type { Log } from '#runtime/log.ts'
import type { WholeAnswer } from '../http/exchange.ts'
import type { Effect } from './effect.ts'
import type { KeyLog } from './key-log.ts'

export const LEASE_MS = 15_000
const RENEW_EVERY_MS = 4_000
const SLACK_MS = 2_000

export interface Hold {
  readonly digest: string
  readonly fingerprint: string
  readonly cause: Cause
  /** The word that is replaced by taking the key; 0: there is none. */
  readonly seq: number
  readonly before: CreatedId | null
}

export class HeldKey implements Effect, Disposable {
  readonly #keys: KeyLog
  readonly #log: Log
  readonly #hold: Hold
  readonly #holder = randomUUID()
  #steps = 0
  #created: CreatedId | null
  /** Of one's own last word; undefined: somebody else has the key now. */
  #seq: number | undefined
  #leaseUntil = 0
  #saying: Promise<unknown> = Promise.resolve()
  #renewing: NodeJS.Timeout | undefined

  private constructor(keys: KeyLog, log: Log, hold: Hold) {
    this.#keys = keys
    this.#log = log
    this.#hold = hold
    this.#seq = hold.seq
    this.#created = hold.before
  }

  /** Undefined: somebody else was faster. */
  static async take(keys: KeyLog, log: Log, hold: Hold): Promise<HeldKey | undefined> {
    const key = new HeldKey(keys, log, hold)
    await key.#sayHeld(LEASE_MS)
    if (key.#seq === undefined) return undefined
    key.#renewing = setInterval(() => key.#renew(), RENEW_EVERY_MS)
    return key
  }

  get before(): CreatedId | undefined {
    return this.#hold.before ?? undefined
  }

  /** Whether an effect with the id may have begun, here or before. */
  get mayHaveBegun(): boolean {
    return this.#created !== null
  }

  async newId<Id extends CreatedId>(ids: { take(): Id | Promise<Id> }): Promise<Id> {
    if (this.#created === null) {
      const id = await ids.take()
      this.#created = id
      await this.#sayHeld(LEASE_MS)
    }
    this.requireMine()
    return this.#created as Id
  }

  requireMine(): void {
    if (this.#seq !== undefined && Date.now() < this.#leaseUntil - SLACK_MS) return
    throw new KeyInProgress()
  }

  /** Says what every later request with this key is answered with. */
  async answered({ status, headers = {}, body }: WholeAnswer): Promise<void> {
    const { fingerprint } = this.#hold
    await this.#say('key.answered', { fingerprint, status, headers, body: body ?? null })
  }

  /** Gives the key up as if it had never been used. */
  async release(): Promise<void> {
    await this.#say('key.released', {})
  }

  /** Gives the key to whoever comes next, who goes on with the same id. */
  async handOn(): Promise<void> {
    await this.#sayHeld(0)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#renewing)
  }

  #renew(): void {
    this.#sayHeld(LEASE_MS).catch((error: unknown) => this.#log.warn('key_not_renewed', { error }))
  }

  async #sayHeld(forMs: number): Promise<void> {
    const until = Date.now() + forMs
    const { fingerprint } = this.#hold
    const lease_until = new Date(until).toISOString()
    await this.#say<KeyHeld>('key.held', { fingerprint, lease_until, created_id: this.#created })
    this.#leaseUntil = until
  }

  /** One after another: each word stands on the one before. */
  #say<Event extends KeyEvent>(type: Event['type'], data: Event['data']): Promise<void> {
    const saying = this.#saying.then(async () => {
      if (this.#seq === undefined) return
      const { digest, cause } = this.#hold
      const id = keyMessageId(this.#holder, ++this.#steps)
      const said = { source: 'sluice/edge', time: new Date().toISOString(), cause }
      const event = envelope(said, { id, type, subject: digest, data }) as KeyEvent
      this.#seq = await this.#keys.replace(digest, this.#seq, event)
    })
    this.#saying = saying.catch(() => undefined)
    return saying
  }
}

export class KeyInProgress extends Problem {
  constructor() {
    super('CONFLICT', 'A request with this Idempotency-Key is in progress.', undefined, {
      headers: { 'retry-after': '1' },
    })
  }
}
