/**
 * Claims that are held: as long as one is, the server hears of it and gives it to nobody else.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { WORKING_EVERY_MS } from '#events/streams.ts'

export class Leases implements Disposable {
  readonly #held = new Set<JsMsg>()
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => {
      for (const message of this.#held) message.working()
    }, WORKING_EVERY_MS)
  }

  get count(): number {
    return this.#held.size
  }

  hold(message: JsMsg): void {
    this.#held.add(message)
  }

  /** Done: the message is gone for good. */
  ack(message: JsMsg): void {
    this.#held.delete(message)
    message.ack()
  }

  /** Handed back, to be delivered again no sooner than `delayMs` from now. */
  handBack(message: JsMsg, delayMs: number): void {
    this.#held.delete(message)
    message.nak(delayMs)
  }

  /** It can never be done. */
  terminate(message: JsMsg, reason: string): void {
    this.#held.delete(message)
    message.term(reason)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
