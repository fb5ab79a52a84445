/**
 * Agreement of all edges about the functions. Each edge answers invocations from memory, so a write
 * is answered only when every edge that is present has read it.
 *
 * Invariants:
 * 1. Whoever got a 2xx for a change and then invokes, on any edge, meets the changed function.
 * 2. An edge that the others may take for gone does not answer from memory: it has not heard itself
 *    for as long as presence lasts, or was away and has not yet read what was changed meanwhile.
 * 3. A change that an edge has not read in time is stored all the same; who asked for it is told to
 *    look again, since a 2xx would promise what that edge does not keep.
 */
import { Problem } from '#domain/problem.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { EVENTS } from '#events/streams.ts'
import { filters, signals } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import type { PresenceWatch } from '#runtime/presence.ts'
import { untilDone } from '#runtime/retry.ts'
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
  readonly reject: (error: Problem) => void
}

export interface AgreementOptions {
  readonly bus: Bus
  readonly definitions: Definitions
  readonly presence: PresenceWatch
  readonly instance: string
  readonly log: Log
  readonly signal: AbortSignal
}

export class Agreement implements Disposable {
  readonly #options: AgreementOptions
  readonly #positions = new Map<string, number>()
  readonly #waiting = new Set<Waiting>()
  readonly #timer: NodeJS.Timeout
  /** Read up to here, this edge knows whatever was changed while it was away. */
  #neededPosition = 0
  #joining: PromiseWithResolvers<void> | undefined

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
    bus.onReconnect(() => this.#returned())
    this.#timer = setInterval(() => this.#look(), LOOK_AGAIN_MS)
  }

  /** Resolves when this edge, which has just been announced, may answer from memory. */
  joined(): Promise<void> {
    this.#returned()
    this.#joining = Promise.withResolvers<void>()
    return this.#joining.promise
  }

  /** Throws unless this edge may answer from memory. */
  requirePresence(): void {
    if (this.#isPresent()) return
    throw new Problem('UNAVAILABLE', 'This edge has lost touch with the log.')
  }

  /** Resolves when every edge that is present has read EVENTS up to `seq`; rejects: not in time. */
  settled(seq: number): Promise<void> {
    if (this.#allReached(seq)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + SETTLE_WITHIN_MS
      this.#waiting.add({ seq, deadline, resolve, reject })
    })
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #heard({ instance, position }: Report): void {
    this.#positions.set(instance, Math.max(position, this.#positions.get(instance) ?? 0))
    if (this.#waiting.size > 0) this.#look()
  }

  #isPresent(): boolean {
    const { presence, instance, definitions } = this.#options
    if (definitions.position < this.#neededPosition) return false
    return presence.list(EDGE).some((edge) => edge.instance === instance)
  }

  #look(): void {
    if (this.#joining !== undefined && this.#isPresent()) {
      this.#joining.resolve()
      this.#joining = undefined
    }
    for (const waiting of this.#waiting) {
      const reached = this.#allReached(waiting.seq)
      if (!reached && waiting.deadline > performance.now()) continue
      this.#waiting.delete(waiting)
      if (reached) waiting.resolve()
      else waiting.reject(new Problem('UNAVAILABLE', 'The change is stored, but not yet in force.'))
    }
  }

  /** New or back on the log: others may have agreed without this edge. */
  #returned(): void {
    const { bus, log, signal } = this.#options
    this.#neededPosition = Infinity
    const find = async () => {
      const newest = await bus.jsm.streams.getMessage(EVENTS, {
        last_by_subj: filters.functionEvents,
      })
      this.#neededPosition = newest?.seq ?? 0
    }
    // It ends early only with the process.
    untilDone(find, { what: 'newest_definition', log, signal }).catch(() => undefined)
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
