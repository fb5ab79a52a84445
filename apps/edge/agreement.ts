/**
 * Agreement of all edges about the functions. Each edge answers invocations from memory, so a write
 * is answered only when every edge that is present has read it.
 *
 * Invariants:
 * 1. Whoever got a 2xx for a change and then invokes, on any edge, meets the changed function.
 * 2. An edge that the others may take for gone does not answer from memory: it has not heard itself
 *    for as long as presence lasts.
 */
import { Problem } from '#domain/problem.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { signals } from '#events/subjects.ts'
import type { PresenceWatch } from '#runtime/presence.ts'
import type { Definitions } from './definitions.ts'

/** Longer than presence lasts: an edge that died is not waited for beyond that. */
const SETTLE_WITHIN_MS = 4_000
const LOOK_AGAIN_MS = 100
const EDGE = 'edge'

interface Report {
  readonly instance: string
  readonly position: number
}

interface Waiting {
  readonly seq: number
  readonly deadline: number
  readonly resolve: () => void
}

export interface AgreementOptions {
  readonly bus: Bus
  readonly definitions: Definitions
  readonly presence: PresenceWatch
  readonly instance: string
}

export class Agreement implements Disposable {
  readonly #options: AgreementOptions
  readonly #positions = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()
  readonly #timer: NodeJS.Timeout

  constructor(options: AgreementOptions) {
    this.#options = options
    const { bus, definitions, instance } = options
    bus.nc.subscribe(signals.defined, {
      callback: (error, message) => {
        if (error === null) this.#heard(message.json<Report>())
      },
    })
    definitions.onRead((position) => {
      const report: Report = { instance, position }
      bus.nc.publish(signals.defined, JSON.stringify(report))
      this.#heard(report)
    })
    this.#timer = setInterval(() => this.#look(), LOOK_AGAIN_MS)
  }

  /** Throws unless this edge may answer from memory. */
  requirePresence(): void {
    const { presence, instance } = this.#options
    if (presence.list(EDGE).some((edge) => edge.instance === instance)) return
    throw new Problem('UNAVAILABLE', 'This edge has lost touch with the log.')
  }

  /** Resolves when every edge that is present has read EVENTS up to `seq`. */
  settled(seq: number): Promise<void> {
    if (this.#allReached(seq)) return Promise.resolve()
    return new Promise((resolve) => {
      this.#waiting.add({ seq, deadline: performance.now() + SETTLE_WITHIN_MS, resolve })
    })
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #heard({ instance, position }: Report): void {
    this.#positions.set(instance, Math.max(position, this.#positions.get(instance) ?? 0))
    if (this.#waiting.size > 0) this.#look()
  }

  #look(): void {
    for (const waiting of this.#waiting) {
      if (!this.#allReached(waiting.seq) && waiting.deadline > performance.now()) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }

  #allReached(seq: number): boolean {
    const { definitions, presence, instance } = this.#options
    if (definitions.position < seq) return false
    return presence.list(EDGE).every((edge) => {
      if (edge.instance === instance) return true
      // Said with each presence too, for whoever missed the report.
      const said = Number(edge.state['defined'] ?? 0)
      return Math.max(said, this.#positions.get(edge.instance) ?? 0) >= seq
    })
  }
}
