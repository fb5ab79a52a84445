/**
 * The retained sessions of this executor: each has one process, from its first execution on.
 *
 * Invariants:
 * 1. A process serves one session, and a session one process: when that is gone, the state is, and
 *    the session is lost for good. Everybody hears of it, and no later execution gets another one.
 * 2. A process lives no longer than its session: until it expires, is closed, or is lost, which all
 *    are when this executor stops.
 */
import { randomUUID } from 'node:crypto'
import { sessionClosed } from '#domain/session.ts'
import { TIMEOUT_MS_MAX } from '#events/functions.ts'
import type { JobAccepted, RunData } from '#events/jobs.ts'
import type { Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeInOrder, type Consumption } from '#events/jetstream/consume.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import type { SessionClosed, SessionData, SessionOfJob } from '#events/sessions.ts'
import { CALL_GRACE_MS, EVENTS } from '#events/streams.ts'
import { filters, subjects } from '#events/subjects.ts'
import {
  SandboxError,
  type Pinned,
  type Run,
  type RunResult,
  type Sandbox,
} from '#sandbox/contract.ts'
import type { Log } from '#runtime/log.ts'

/** A call that was sent before its session was closed may wait for its turn for so long after. */
const REMEMBER_CLOSED_MS = TIMEOUT_MS_MAX + CALL_GRACE_MS
const FORGET_EVERY_MS = 10_000

export class SessionLost extends Error {
  readonly code = 'SESSION_LOST'
  constructor(options?: ErrorOptions) {
    super('the process of the session is gone', options)
    this.name = 'SessionLost'
  }
}

interface Held {
  readonly pinned: Pinned
  readonly session: Pick<SessionData, 'session_id' | 'owner' | 'function_id'>
  readonly expiresAt: number
}

export interface RetainedSessionsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly sandbox: Sandbox
  readonly appender: Appender
  /** How long the log keeps what happened to a session. */
  readonly ttlDays: number
  readonly log: Log
}

export class RetainedSessions implements AsyncDisposable {
  readonly #options: RetainedSessionsOptions
  readonly #held = new Map<string, Held>()
  /** Ids of sessions that have ended, and until when they are remembered. */
  readonly #ended = new Map<string, number>()
  readonly #telling = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #consumption: Consumption | undefined

  constructor(options: RetainedSessionsOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#forget(Date.now()), FORGET_EVERY_MS)
  }

  get count(): number {
    return this.#held.size
  }

  /** From now on it hears of sessions that are closed; before, it has none. */
  async start(): Promise<void> {
    const { bus, log } = this.#options
    const { state } = await bus.jsm.streams.info(EVENTS)
    this.#consumption = consumeInOrder(bus, {
      stream: EVENTS,
      filter: filters.sessionsClosed,
      from: state.last_seq + 1,
      maxMessages: 1_000,
      onMessage: (message) => this.#onClosed(message),
      onTrouble: log.warn,
    })
  }

  /** Throws `SessionLost` if the process that held the session's state is gone. */
  async run({ data }: { readonly data: RunData }, run: Run): Promise<RunResult> {
    const { session } = data
    if (session === undefined) throw new SessionLost()
    const held = this.#held.get(session.id) ?? this.#pin(session, data, run)
    try {
      return await held.pinned.run(run)
    } catch (error) {
      if (error instanceof SandboxError) throw new SessionLost({ cause: error })
      throw error
    }
  }

  /** The sandbox is closed: what was held here is lost, and that has been said when it resolves. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await this.#consumption?.stop()
    for (const id of [...this.#held.keys()]) this.#lose(id)
    await Promise.all(this.#telling)
  }

  #pin({ id, expires_at }: SessionOfJob, job: JobAccepted, { program }: Run): Held {
    const expiresAt = Date.parse(expires_at)
    if (this.#ended.has(id) || expiresAt <= Date.now()) throw new SessionLost()
    const { owner, function_id } = job
    const pinned = this.#options.sandbox.pin(program)
    const held = { pinned, session: { session_id: id, owner, function_id }, expiresAt }
    this.#held.set(id, held)
    pinned.ended.then(() => this.#lose(id)).catch(() => undefined)
    return held
  }

  #onClosed(message: Parameters<Payloads['open']>[0]): void {
    const { payloads, log } = this.#options
    try {
      const event = payloads.open<SessionClosed>(message)
      // Such an event is small: what lies in the object store is none.
      if (event instanceof Promise) event.catch(() => undefined)
      else this.#end(event.data.session_id, Date.now() + REMEMBER_CLOSED_MS)
    } catch (error) {
      log.warn('session_end_unreadable', { error })
    }
  }

  #forget(nowMs: number): void {
    for (const [id, { expiresAt }] of this.#held) {
      if (expiresAt <= nowMs) this.#end(id, nowMs + REMEMBER_CLOSED_MS)
    }
    for (const [id, until] of this.#ended) {
      if (until <= nowMs) this.#ended.delete(id)
    }
  }

  #end(id: string, rememberUntil: number): void {
    const held = this.#held.get(id)
    this.#held.delete(id)
    this.#ended.set(id, Math.max(rememberUntil, held?.expiresAt ?? 0))
    held?.pinned.close()
  }

  #lose(id: string): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    this.#end(id, held.expiresAt)
    this.#options.log.info('session_lost', { sessionId: id })
    const telling = this.#tell(held).finally(() => this.#telling.delete(telling))
    this.#telling.add(telling)
  }

  async #tell({ session }: Held): Promise<void> {
    const { appender, payloads, ttlDays, log } = this.#options
    const cause = { correlationid: randomUUID() }
    const said = { source: 'sluice/executor', time: new Date().toISOString(), cause }
    const event = sessionClosed(session, 'lost', said)
    const subject = subjects.sessionEvent(session.function_id, 'closed')
    try {
      const sealed = await payloads.seal(event, 'as-long-as-the-log')
      await appender.append({ ...sealed, subject, id: event.id, ttlDays })
    } catch (error) {
      // Whoever executes it is told by us, or by the edge when we are gone.
      log.warn('lost_session_not_told', { sessionId: session.session_id, error })
    }
  }
}
