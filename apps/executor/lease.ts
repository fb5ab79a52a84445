/**
 * Claims that are held: as long as one is, the server hears of it and gives it to nobody else.
 *
 * Invariant: what was claimed from CALLS is settled with the server that gave it, or not at all. The
 * stream lives in memory: another server's counts from 1 again, so the acknowledgement of a call that
 * went with the old one would settle somebody else's, which then nobody runs.
 */
import type { JsMsg } from '@nats-io/jetstream'
import type { Bus } from '#events/jetstream/bus.ts'
import { CALLS, WORKING_EVERY_MS, type COMMANDS } from '#events/streams.ts'

export class Leases implements Disposable {
  readonly #bus: Pick<Bus, 'disconnected' | 'serverId'>
  /** With the server that a call came from; undefined for what any server remembers. */
  readonly #held = new Map<JsMsg, string | undefined>()
  readonly #timer: NodeJS.Timeout

  constructor(bus: Pick<Bus, 'disconnected' | 'serverId'>) {
    this.#bus = bus
    this.#timer = setInterval(() => {
      for (const message of this.#held.keys()) {
        if (this.#isKnown(message)) message.working()
      }
    }, WORKING_EVERY_MS)
  }

  get count(): number {
    return this.#held.size
  }

  hold(message: JsMsg, from: typeof CALLS | typeof COMMANDS): void {
    this.#held.set(message, from === CALLS ? this.#bus.serverId : undefined)
  }

  /** Done: the message is gone for good. */
  ack(message: JsMsg): void {
    if (this.#release(message)) message.ack()
  }

  /** Handed back, to be delivered again no sooner than `delayMs` from now. */
  handBack(message: JsMsg, delayMs: number): void {
    if (this.#release(message)) message.nak(delayMs)
  }

  /** It can never be done. */
  terminate(message: JsMsg, reason: string): void {
    if (this.#release(message)) message.term(reason)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  /** Whether the server still knows the claim. */
  #release(message: JsMsg): boolean {
    const known = this.#isKnown(message)
    this.#held.delete(message)
    return known
  }

  #isKnown(message: JsMsg): boolean {
    const giver = this.#held.get(message)
    return giver === undefined || (!this.#bus.disconnected && giver === this.#bus.serverId)
  }
}
