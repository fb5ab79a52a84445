/**
 * Agreement of all edges about what each of them knows by heart: the functions, and whatever else a
 * request is answered from without a query. A write is answered only when every edge that is present
 * has read it.
 *
 * Invariants:
 * 1. Whoever got a 2xx for a change meets it from then on, on any edge.
 * 2. An edge that the others may take for gone does not answer from memory: it has not heard itself
 *    for as long as presence lasts, or was away and has not yet read what was changed meanwhile.
 * 3. A change that an edge has not read in time is stored all the same; who asked for it is told to
 *    look again, since a 2xx would promise what that edge does not keep.
 */
import { Problem } from '#domain/problem.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { EVENTS } from '#events/streams.ts'
import { signals } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import type { Presence, PresenceWatch } from '#runtime/presence.ts'
import { untilDone } from '#runtime/retry.ts'

/** Longer than presence lasts: an edge that died is not waited for beyond that. */
const SETTLE_WITHIN_MS = 4_000
const LOOK_AGAIN_MS = 100
const EDGE = 'edge'

/** What edges know by heart. */
export type Known = 'functions' | 'sessions' | 'users' | 'keys'

/** Reads one kind of event from the log into memory. */
export interface Reader {
  /** The subjects that it reads. */
  readonly filter: string
  /** The last sequence of EVENTS that has been read here. */
  readonly position: number
  /** Tells of each step of `position`. */
  onRead(callback: (position: number) => void): void
}

interface Report {
  readonly instance: string
  readonly known: Known
  readonly position: number
}

interface Waiting {
  readonly known: Known
  readonly seq: number
  readonly deadline: number
  readonly resolve: () => void
  readonly reject: (error: Problem) => void
}

export interface AgreementOptions {
  readonly bus: Bus
  readonly readers: Readonly<Record<Known, Reader>>
  readonly presence: PresenceWatch
  readonly instance: string
  readonly log: Log
  readonly signal: AbortSignal
}

export class Agreement implements Disposable {
  readonly #options: AgreementOptions
  /** By instance and what is known. */
  readonly #positions = new Map<string, number>()
  readonly #readers: readonly (readonly [Known, Reader])[]
  readonly #waiting = new Set<Waiting>()
  readonly #timer: NodeJS.Timeout
  /** Read up to here, this edge knows whatever was changed while it was away. */
  #needed: ReadonlyMap<Known, number> | undefined
  #joining: PromiseWithResolvers<void> | undefined

  constructor(options: AgreementOptions) {
    this.#options = options
    const { bus, readers, instance } = options
    this.#readers = Object.entries(readers) as [Known, Reader][]
    bus.nc.subscribe(signals.defined, {
      callback: (error, message) => {
        if (error === null) this.#heard(message.json<Report>())
      },
    })
    for (const [known, reader] of this.#readers) {
      reader.onRead((position) => {
        const report: Report = { instance, known, position }
        bus.nc.publish(signals.defined, JSON.stringify(report))
        this.#heard(report)
      })
    }
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

  /** What the others have to hear of this edge again and again. */
  get positions(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#readers.map(([known, { position }]) => [known, position]))
  }

  /** Resolves when every edge that is present has read it up to `seq`; rejects: not in time. */
  settled(known: Known, seq: number): Promise<void> {
    if (this.#allReached(known, seq)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + SETTLE_WITHIN_MS
      this.#waiting.add({ known, seq, deadline, resolve, reject })
    })
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #heard({ instance, known, position }: Report): void {
    const key = keyOf(instance, known)
    this.#positions.set(key, Math.max(position, this.#positions.get(key) ?? 0))
    if (this.#waiting.size > 0) this.#look()
  }

  #isPresent(): boolean {
    const { presence, instance } = this.#options
    const needed = this.#needed
    if (needed === undefined) return false
    if (this.#readers.some(([known, { position }]) => position < (needed.get(known) ?? 0))) {
      return false
    }
    return presence.list(EDGE).some((edge) => edge.instance === instance)
  }

  #look(): void {
    if (this.#joining !== undefined && this.#isPresent()) {
      this.#joining.resolve()
      this.#joining = undefined
    }
    for (const waiting of this.#waiting) {
      const reached = this.#allReached(waiting.known, waiting.seq)
      if (!reached && waiting.deadline > performance.now()) continue
      this.#waiting.delete(waiting)
      if (reached) waiting.resolve()
      else waiting.reject(new Problem('UNAVAILABLE', 'The change is stored, but not yet in force.'))
    }
  }

  /** New or back on the log: others may have agreed without this edge. */
  #returned(): void {
    const { bus, log, signal } = this.#options
    this.#needed = undefined
    const newest = async ([known, { filter }]: readonly [Known, Reader]) => {
      const message = await bus.jsm.streams.getMessage(EVENTS, { last_by_subj: filter })
      return [known, message?.seq ?? 0] as const
    }
    const find = async () => {
      this.#needed = new Map(await Promise.all(this.#readers.map(newest)))
    }
    // It ends early only with the process.
    untilDone(find, { what: 'newest_definition', log, signal }).catch(() => undefined)
  }

  #allReached(known: Known, seq: number): boolean {
    const { readers, presence, instance } = this.#options
    if (readers[known].position < seq) return false
    return presence.list(EDGE).every((edge) => {
      if (edge.instance === instance) return true
      // Said with each presence too, for whoever missed the report.
      const said = Number(knownBy(edge)?.[known] ?? 0)
      return Math.max(said, this.#positions.get(keyOf(edge.instance, known)) ?? 0) >= seq
    })
  }
}

const keyOf = (instance: string, known: Known) => `${instance} ${known}`

const knownBy = ({ state }: Presence) =>
  state['known'] as Partial<Record<Known, number>> | undefined
