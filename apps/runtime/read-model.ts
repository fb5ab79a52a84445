/**
 * You read what you wrote: a query first waits until the read model has come as far as the streams
 * had when it arrived.
 *
 * Invariants:
 * 1. One look-up of the streams' ends serves all queries that wait for it; a query never uses an
 *    end that was looked up before it arrived.
 * 2. The wait is bounded. Past it, what is found is answered as stale, and what is not found is
 *    "not now" rather than a false "not there".
 */
import { COMMANDS, EVENTS } from '#events/streams.ts'
import { signals } from '#events/subjects.ts'
import type { Bus } from '#events/jetstream/bus.ts'

const WAIT_MAX_MS = 2_000
const ASK_TIMEOUT_MS = 1_000

/** Per stream, the last sequence that is in the read model. */
interface Positions {
  readonly [COMMANDS]: number
  readonly [EVENTS]: number
}

interface Waiting {
  readonly ends: Positions
  readonly deadline: number
  readonly resolve: (fresh: boolean) => void
}

export class ReadModel implements Disposable {
  readonly #bus: Bus
  readonly #waiting = new Set<Waiting>()
  readonly #timer: NodeJS.Timeout
  #positions: Positions = { [COMMANDS]: 0, [EVENTS]: 0 }
  #lookup: Promise<Positions> | undefined
  #nextLookup: Promise<Positions> | undefined

  constructor(bus: Bus) {
    this.#bus = bus
    bus.nc.subscribe(signals.projected, {
      callback: (error, message) => {
        if (error === null) this.#projected(message.json<Positions>())
      },
    })
    bus.nc.publish(signals.whereProjected)
    this.#timer = setInterval(() => this.#sweep(), 50)
  }

  get positions(): Positions {
    return this.#positions
  }

  /** Resolves with false if the read model could not catch up in time. */
  async caughtUp(): Promise<boolean> {
    let ends: Positions
    try {
      ends = await this.#ends()
    } catch {
      // Without the log nobody can say how far behind the read model is.
      return false
    }
    return this.#reached(ends)
  }

  /** Resolves when the event at `seq` is in the read model; false: not in time. */
  applied(seq: number): Promise<boolean> {
    return this.#reached({ [COMMANDS]: 0, [EVENTS]: seq })
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #reached(ends: Positions): Promise<boolean> {
    if (covers(this.#positions, ends)) return Promise.resolve(true)
    return new Promise((resolve) => {
      this.#waiting.add({ ends, deadline: performance.now() + WAIT_MAX_MS, resolve })
    })
  }

  /** Whoever arrives while a look-up is under way shares the next one. */
  #ends(): Promise<Positions> {
    if (this.#lookup === undefined) {
      this.#lookup = this.#look().finally(() => {
        this.#lookup = undefined
      })
      return this.#lookup
    }
    this.#nextLookup ??= this.#lookup
      .catch(() => undefined)
      .then(() => {
        this.#nextLookup = undefined
        return this.#ends()
      })
    return this.#nextLookup
  }

  async #look(): Promise<Positions> {
    const last = async (stream: string) => {
      const subject = `$JS.API.STREAM.INFO.${stream}`
      const reply = await this.#bus.rpc.request(subject, '', { timeoutMs: ASK_TIMEOUT_MS })
      const { state } = reply.json<{ state?: { last_seq: number } }>()
      if (state === undefined) throw new Error(`no state of stream ${stream}`)
      return state.last_seq
    }
    const [commands, events] = await Promise.all([last(COMMANDS), last(EVENTS)])
    return { [COMMANDS]: commands, [EVENTS]: events }
  }

  #projected(positions: Positions): void {
    this.#positions = positions
    for (const waiting of this.#waiting) {
      if (!covers(positions, waiting.ends)) continue
      this.#waiting.delete(waiting)
      waiting.resolve(true)
    }
  }

  #sweep(): void {
    const now = performance.now()
    for (const waiting of this.#waiting) {
      if (waiting.deadline > now) continue
      this.#waiting.delete(waiting)
      waiting.resolve(false)
    }
  }
}

function covers(positions: Positions, ends: Positions): boolean {
  return positions[COMMANDS] >= ends[COMMANDS] && positions[EVENTS] >= ends[EVENTS]
}
