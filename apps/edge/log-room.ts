/**
 * Whether the log has room left. It refuses what does not fit rather than forget, and by then the
 * outcomes of what was accepted would not fit either: so the edge stops taking work while there is
 * still room for those.
 *
 * Invariants:
 * 1. From `FULL_FROM` on of EVENTS or of COMMANDS, whatever writes is answered with 503; from
 *    there on of KEYS, whatever comes with an Idempotency-Key.
 * 2. What cannot be looked up stays as it was last seen.
 */
import { Problem } from '#domain/problem.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { COMMANDS, EVENTS, KEYS, FULL_FROM } from '#events/streams.ts'
import type { Log } from '#runtime/log.ts'

const LOOK_EVERY_MS = 1_000
const ASK_TIMEOUT_MS = 1_000
const WORK = [EVENTS, COMMANDS]
const WATCHED = [...WORK, KEYS]

interface Info {
  readonly config?: { readonly max_bytes: number }
  readonly state?: { readonly bytes: number }
}

export class LogRoom implements Disposable {
  readonly #bus: Bus
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  readonly #full = new Set<string>()

  constructor(bus: Bus, log: Log) {
    this.#bus = bus
    this.#log = log
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
    this.#look()
  }

  /** Throws unless there is room for what a request may write to `streams`. */
  require(streams: readonly string[] = WORK): void {
    if (this.#full.size === 0) return
    const details = { full: streams.filter((stream) => this.#full.has(stream)) }
    if (details.full.length === 0) return
    throw new Problem('UNAVAILABLE', 'The log is nearly full; it takes no more for now.', details)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    if (this.#bus.disconnected) return
    for (const stream of WATCHED) {
      // The next look is a second away.
      this.#lookAt(stream).catch(() => undefined)
    }
  }

  async #lookAt(stream: string): Promise<void> {
    const subject = `$JS.API.STREAM.INFO.${stream}`
    const reply = await this.#bus.rpc.request(subject, '', { timeoutMs: ASK_TIMEOUT_MS })
    const { config, state } = reply.json<Info>()
    if (config === undefined || state === undefined) return
    const { max_bytes: maxBytes } = config
    const { bytes } = state
    const isFull = maxBytes > 0 && bytes >= FULL_FROM * maxBytes
    if (isFull === this.#full.has(stream)) return
    if (isFull) this.#full.add(stream)
    else this.#full.delete(stream)
    this.#log.warn(isFull ? 'log_nearly_full' : 'log_has_room', { stream, bytes, maxBytes })
  }
}
