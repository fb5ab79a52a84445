/**
 * The sessions of the last two hours, in memory: read from EVENTS at start, kept current from there.
 * How all edges stay in step: `agreement.ts`.
 *
 * Invariants:
 * 1. What has expired is as unknown as what never was, from the moment on at which it does.
 * 2. Memory is bounded by the sessions that have not expired; a lost one is kept until then, so that
 *    its owner is told why it is gone.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { isExpired, sessionLost, sessionNotFound } from '#domain/session.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeInOrder, type Consumption } from '#events/jetstream/consume.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readToEnd, since } from '#events/jetstream/read-to-end.ts'
import {
  SESSION_LASTS_MS,
  type SessionClosed,
  type SessionEvent,
  type SessionInitialized,
} from '#events/sessions.ts'
import { EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import { untilDone } from '#runtime/retry.ts'
import type { Reader } from './agreement.ts'

const FORGET_EVERY_MS = 10_000

export type KnownSession = SessionInitialized['data'] & {
  /** Where on EVENTS its initialization stands. */
  readonly seq: number
  readonly isLost: boolean
}

export interface SessionsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly log: Log
  readonly signal: AbortSignal
}

export class Sessions implements Reader, AsyncDisposable {
  readonly filter = filters.sessionEvents
  readonly #options: SessionsOptions
  readonly #sessions = new Map<string, KnownSession>()
  readonly #timer: NodeJS.Timeout
  #consumption: Consumption | undefined
  #position = 0
  #onRead: (position: number) => void = () => undefined

  private constructor(options: SessionsOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#forget(Date.now()), FORGET_EVERY_MS)
  }

  /** Resolves when every session that may still be used is known. */
  static async open(options: SessionsOptions): Promise<Sessions> {
    const { bus, log, signal } = options
    const sessions = new Sessions(options)
    await untilDone(() => sessions.#readRecent(Date.now()), { what: 'sessions', log, signal })
    sessions.#consumption = consumeInOrder(bus, {
      stream: EVENTS,
      filter: filters.sessionEvents,
      from: sessions.#position + 1,
      maxMessages: 1_000,
      onMessage: (message) => sessions.#read(message),
      onTrouble: log.warn,
    })
    return sessions
  }

  get position(): number {
    return this.#position
  }

  onRead(callback: (position: number) => void): void {
    this.#onRead = callback
  }

  /** Throws a `Problem` for one that this owner cannot use. */
  get(id: string, owner: string): KnownSession {
    const session = this.#sessions.get(id.toLowerCase())
    if (session?.owner !== owner || isExpired(session, Date.now())) throw sessionNotFound(id)
    if (session.isLost) throw sessionLost()
    return session
  }

  /** One of this owner's that can be used. */
  find(id: string, owner: string): KnownSession | undefined {
    const session = this.#sessions.get(id)
    const isUsable = session?.owner === owner && !session.isLost
    return isUsable && !isExpired(session, Date.now()) ? session : undefined
  }

  isTaken(id: string): boolean {
    return this.#sessions.has(id)
  }

  /** Those that can be used now. */
  *open(): Iterable<KnownSession> {
    const now = Date.now()
    for (const session of this.#sessions.values()) {
      if (!session.isLost && !isExpired(session, now)) yield session
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#consumption?.stop()
  }

  /** Whatever is older has expired. */
  async #readRecent(nowMs: number): Promise<void> {
    const { bus } = this.#options
    const { state } = await bus.jsm.streams.info(EVENTS)
    const options = { ...since(nowMs - SESSION_LASTS_MS), filter_subjects: filters.sessionEvents }
    await readToEnd(bus, EVENTS, options, (message) => this.#read(message))
    // The end, not the newest session: there may be none that anybody has to wait for.
    this.#position = Math.max(this.#position, state.last_seq)
  }

  #read(message: JsMsg): void {
    const event = this.#open(message)
    if (event?.type === 'session.initialized') this.#initialize(event, message.seq)
    else if (event?.type === 'session.closed') this.#close(event)
    this.#position = message.seq
    this.#onRead(message.seq)
  }

  /** A context is bounded, so that no session ever lies in the object store. */
  #open(message: JsMsg): SessionEvent | undefined {
    const { payloads, log } = this.#options
    try {
      const opened = payloads.open<SessionEvent>(message)
      if (!(opened instanceof Promise)) return opened
      // Whatever it is, nobody waits for it.
      opened.catch(() => undefined)
      throw new SyntaxError('it is not in the message itself')
    } catch (error) {
      log.error('session_unreadable', { seq: message.seq, error })
      return undefined
    }
  }

  /** The first one under an id is the session. */
  #initialize({ data }: SessionInitialized, seq: number): void {
    if (isExpired(data, Date.now()) || this.#sessions.has(data.session_id)) return
    this.#sessions.set(data.session_id, { ...data, seq, isLost: false })
  }

  #close({ data: { session_id, reason } }: SessionClosed): void {
    const session = this.#sessions.get(session_id)
    if (session === undefined) return
    if (reason === 'lost') this.#sessions.set(session_id, { ...session, isLost: true })
    else this.#sessions.delete(session_id)
  }

  #forget(nowMs: number): void {
    for (const [id, session] of this.#sessions) {
      if (isExpired(session, nowMs)) this.#sessions.delete(id)
    }
  }
}
