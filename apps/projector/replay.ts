/**
 * Reads the log from one position to another and applies it, for a rebuild.
 *
 * Invariants:
 * 1. Nothing beyond `to` is applied, whatever has been read.
 * 2. It sees where the log has holes: what happened before the last one is not all there.
 */
import type { Log } from '#runtime/log.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { EVENTS } from '#events/streams.ts'
import { applyParts, type Connection } from '#projections/batch.ts'
import type { Position } from '#projections/checkpoint.ts'
import { Intake } from './intake.ts'
import { Lookahead, prepare, type Prepared } from './lookahead.ts'
import { pastRemoved } from './stream-ends.ts'
import { Wakeup } from './wakeup.ts'

export interface ReplayOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly connection: Connection
  readonly log: Log
  readonly signal: AbortSignal
}

export class Replay {
  readonly #options: ReplayOptions
  #position: Position = { events: 0, commands: 0 }
  #applied = 0
  #lastEvent = 0
  /** By the log's clock, in milliseconds: the first message behind the last hole. */
  #wholeSince: number | undefined

  constructor(options: ReplayOptions) {
    this.#options = options
  }

  get position(): Position {
    return this.#position
  }

  get applied(): number {
    return this.#applied
  }

  /** From when on the log holds everything; undefined: from its beginning. */
  get wholeSince(): number | undefined {
    // What was removed at the very end may be as young as can be.
    return this.#lastEvent < this.#position.events ? Date.now() : this.#wholeSince
  }

  async to(to: Position): Promise<void> {
    const { bus, payloads, log, signal } = this.#options
    const wakeup = new Wakeup()
    const wake = () => wakeup.wake()
    signal.addEventListener('abort', wake)
    const intake = new Intake({
      bus,
      payloads,
      from: this.#position,
      onArrival: wake,
      onTrouble: (event, fields) => log.warn(event, fields),
    })
    const batches = new Lookahead(intake)
    try {
      while (this.#position.events < to.events || this.#position.commands < to.commands) {
        signal.throwIfAborted()
        if (!batches.isEmpty) await this.#apply(await batches.take(), to, batches)
        else if (!(await this.#passRemoved(to)) && batches.isEmpty) await wakeup.wait()
      }
    } finally {
      signal.removeEventListener('abort', wake)
      await intake.stop()
    }
  }

  async #apply(batch: Prepared, to: Position, batches: Lookahead): Promise<void> {
    const { entries } = batch
    const due = entries.filter(({ recorded: { stream, seq } }) =>
      stream === EVENTS ? seq <= to.events : seq <= to.commands,
    )
    for (const { bad, message, recorded } of due) {
      if (recorded.stream === EVENTS) this.#noteHole(recorded.seq, recorded.at)
      if (bad !== undefined) {
        const { seq, subject } = message
        this.#options.log.warn('message_passed_by', { seq, subject, error: bad })
      }
    }
    // One beyond the end tells that nothing is left before it.
    let { events, commands } = this.#position
    for (const { recorded } of entries) {
      if (recorded.stream === EVENTS) events = Math.min(recorded.seq, to.events)
      else commands = Math.min(recorded.seq, to.commands)
    }
    const whole = due.length === entries.length
    const committed = this.#commit({ events, commands }, whole ? batch : prepare(due))
    batches.runAhead()
    await committed
  }

  #noteHole(seq: number, at: number): void {
    if (seq !== this.#lastEvent + 1) this.#wholeSince = at
    this.#lastEvent = seq
  }

  /** True if it moved. */
  async #passRemoved(to: Position): Promise<boolean> {
    const ends = {
      events: { created: '', lastSeq: to.events },
      commands: { created: '', lastSeq: to.commands },
    }
    const past = await pastRemoved(this.#options.bus, this.#position, ends)
    const { events, commands } = this.#position
    if (past.events === events && past.commands === commands) return false
    await this.#commit(past, prepare([]))
    return true
  }

  async #commit(to: Position, { entries, parts }: Prepared): Promise<void> {
    await applyParts(this.#options.connection, this.#position, to, parts)
    this.#position = to
    this.#applied += entries.length
  }
}
