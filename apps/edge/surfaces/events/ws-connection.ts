/**
 * One WebSocket, and the subscriptions that its client has made over it.
 *
 * Invariants:
 * 1. Every message is answered, a bad one with an error that names what is wrong; they are taken one
 *    after another.
 * 2. What waits to be sent is bounded: of each subscription one batch, of answers so much that a
 *    client who reads none of them is hung up on.
 * 3. Whatever ends a subscription is told, with the position behind which to go on.
 */
import type { WebSocket } from 'ws'
import { Problem } from '#domain/problem.ts'
import type { Log } from '#runtime/log.ts'
import type { Feed } from '../../feed/feed.ts'
import type { End, HandedEvent, Subscription } from '../../feed/subscription.ts'
import { asProblem } from '../../http/exchange.ts'
import { filterOf } from './asked.ts'
import { givenBy, parseSaid, type Said } from './ws-messages.ts'

/** Close codes: those of RFC 6455, and of its private range where none of them fits. */
export const CLOSE = {
  stopping: 1001,
  notText: 1003,
  tooManyErrors: 1008,
  unauthorized: 4001,
  slow: 4008,
} as const

const SUBSCRIPTIONS_MAX = 16
const ERRORS_MAX = 20
const UNREAD_BYTES_MAX = 1024 ** 2
const PENDING_MAX = 100
/** A client that does not take leave either is hung up on. */
const HANG_UP_AFTER_MS = 2_000

export interface ConnectionOptions {
  readonly socket: WebSocket
  readonly owner: string
  readonly stillMay: () => Promise<boolean>
  readonly requestId: string
  readonly feed: Feed
  readonly log: Log
}

export class Connection {
  readonly #options: ConnectionOptions
  readonly #subscriptions = new Map<string, Subscription>()
  /** The last sequence that each has been told. */
  readonly #told = new Map<string, number>()
  #taking: Promise<void> = Promise.resolve()
  #pending = 0
  #errors = 0
  #isAlive = true

  constructor(options: ConnectionOptions) {
    this.#options = options
    const { socket } = options
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#hear(data, isBinary))
    socket.on('pong', () => (this.#isAlive = true))
    socket.on('close', () => {
      for (const subscription of this.#subscriptions.values()) subscription.close()
    })
    socket.on('error', (error) => {
      options.log.debug('websocket_failed', { requestId: options.requestId, error })
    })
  }

  /** Asks whether the client is still there; who did not answer the last time is hung up on. */
  ping(): void {
    const { socket } = this.#options
    if (!this.#isAlive) return socket.terminate()
    this.#isAlive = false
    socket.ping()
    this.#requireLeave()
  }

  #requireLeave(): void {
    const { stillMay, log, requestId } = this.#options
    stillMay().then(
      (may) => {
        if (!may) this.#turnOut()
      },
      (error: unknown) => {
        log.error('credentials_not_checked', { requestId, error })
        this.#turnOut()
      },
    )
  }

  /** What its subscriptions were is told by them. */
  #turnOut(): void {
    for (const subscription of [...this.#subscriptions.values()])
      subscription.finish('unauthorized')
    this.close(CLOSE.unauthorized, 'These credentials no longer give this.')
  }

  close(code: number, reason: string): void {
    const { socket } = this.#options
    if (socket.readyState !== socket.OPEN) return
    socket.close(code, reason)
    setTimeout(() => socket.terminate(), HANG_UP_AFTER_MS).unref()
  }

  #hear(data: Buffer, isBinary: boolean): void {
    const { socket, requestId, log } = this.#options
    if (socket.readyState !== socket.OPEN) return
    if (isBinary) return this.close(CLOSE.notText, 'Messages are JSON text.')
    const isFlood = this.#pending >= PENDING_MAX || socket.bufferedAmount > UNREAD_BYTES_MAX
    if (isFlood) return this.close(CLOSE.slow, 'Read what is answered before you ask for more.')
    this.#pending++
    this.#taking = this.#taking.then(async () => {
      let id: string | undefined
      try {
        const said = parseSaid(data.toString('utf8'))
        if ('id' in said) id = said.id
        await this.#take(said)
      } catch (error) {
        const problem = asProblem(error)
        if (problem.code === 'INTERNAL') log.error('request_failed', { requestId, error: problem })
        this.#refuse(problem, id)
      }
      this.#pending--
    })
  }

  async #take(said: Said): Promise<void> {
    const { type } = said
    switch (type) {
      case 'ping':
        return this.#say({ type: 'pong' })
      case 'subscribe':
        return this.#subscribe(said)
      case 'unsubscribe': {
        const subscription = this.#subscriptions.get(said.id)
        if (subscription === undefined) {
          throw new Problem('NOT_FOUND', 'There is no such subscription.', { field: 'id' })
        }
        return subscription.close()
      }
      default:
        return type satisfies never
    }
  }

  async #subscribe(said: Extract<Said, { type: 'subscribe' }>): Promise<void> {
    const { feed, owner, stillMay, socket } = this.#options
    const { id, since: after } = said
    if (this.#subscriptions.has(id)) {
      throw new Problem('CONFLICT', 'There is a subscription with this id.', { field: 'id' })
    }
    if (this.#subscriptions.size >= SUBSCRIPTIONS_MAX) {
      const message = `A connection has at most ${SUBSCRIPTIONS_MAX} subscriptions.`
      throw new Problem('RATE_LIMITED', message, { max_subscriptions: SUBSCRIPTIONS_MAX })
    }
    const subscription: Subscription = await feed.subscribe({
      ...{ owner, stillMay, after, filter: filterOf(givenBy(said)) },
      onBeat: () => this.#beat(id, subscription),
      onEnd: (end) => this.#ended(id, end),
    })
    this.#subscriptions.set(id, subscription)
    this.#told.set(id, subscription.position)
    if (socket.readyState !== socket.OPEN) return subscription.close()
    this.#say({ type: 'subscribed', id, position: subscription.position })
    this.#pump(id, subscription).catch((error: unknown) => {
      this.#refuse(asProblem(error), id)
      subscription.close()
    })
  }

  /** Asks for more only when what came before has left this process. */
  async #pump(id: string, subscription: Subscription): Promise<void> {
    const { socket } = this.#options
    const start = `{"type":"event","id":${JSON.stringify(id)},"event":`
    const sent = (event: HandedEvent) =>
      new Promise<void>((resolve) => socket.send(`${start}${event.json}}`, () => resolve()))
    for (;;) {
      const events = await subscription.next()
      if (events.length === 0 || subscription.end !== undefined) return
      this.#told.set(id, events.at(-1)?.seq ?? 0)
      await Promise.all(events.map(sent))
    }
  }

  /** Whoever waits for something rare goes on from here, and not from the last event. */
  #beat(id: string, subscription: Subscription): void {
    const { position, isIdle } = subscription
    if (!isIdle || position <= (this.#told.get(id) ?? 0)) return
    this.#told.set(id, position)
    this.#say({ type: 'position', id, position })
  }

  #ended(id: string, end: End): void {
    const position = this.#told.get(id)
    if (!this.#subscriptions.delete(id)) return
    this.#told.delete(id)
    if (end === 'closed') return this.#say({ type: 'unsubscribed', id, position })
    this.#say({ type: 'cut', id, reason: end, position })
    if (end === 'unauthorized') this.#turnOut()
    if (end === 'slow') this.close(CLOSE.slow, 'Events were not read in time.')
  }

  #refuse({ code, message, details }: Problem, id: string | undefined): void {
    const about = id === undefined ? undefined : { id }
    const error = { code, message, ...(details !== undefined && { details }) }
    this.#say({ type: 'error', ...about, error })
    if (++this.#errors >= ERRORS_MAX) this.close(CLOSE.tooManyErrors, 'Too many errors.')
  }

  #say(message: object): void {
    const { socket } = this.#options
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
  }
}
