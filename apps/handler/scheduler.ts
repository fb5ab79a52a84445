/**
 * Decides the ticks of all schedules when they come. Every handler does so; whoever appends a tick
 * first has decided it.
 *
 * Invariants:
 * 1. One tick, one decision: appended with the expectation that the tick before it is still the
 *    newest. Its job, if it has one, is appended in the same batch, with the expectation that the
 *    function is still defined as it was: an update or a deletion stops a schedule at once.
 * 2. The job is then in the hands of the log, like any other for later: nobody has to look whether
 *    the handler lived to see it run.
 * 3. No timer is trusted: each look compares the clock with what is decided. A clock that was set
 *    back makes nothing run twice.
 * 4. A tick that the log does not take is tried again until it is too late for it, and told then.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { decideTick, dueTick, type DueTick } from '#domain/schedule.ts'
import { AppendError, type Append, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Ids } from '#events/jetstream/ids.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { EVENTS, FULL_FROM } from '#events/streams.ts'
import { filters, subjects } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import { SOURCE } from './commands.ts'
import type { HasEnded } from './job-end-seen.ts'
import type { ScheduleBook, Scheduled } from './schedule-book.ts'

/** New schedules, and clocks that were set, are noticed after so long. */
const LOOK_EVERY_MS = 250
const TROUBLE_RETRY_MS = 1_000
/** Batches in flight. */
const AT_ONCE = 8

export interface SchedulerOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  readonly book: ScheduleBook
  readonly jobIds: Ids
  readonly hasEnded: HasEnded
  /** How long the log keeps what happened. */
  readonly ttlDays: number
  readonly log: Log
}

export class Scheduler {
  readonly #options: SchedulerOptions
  /** By definition: the tick after the one that was decided last, so that a look costs nothing. */
  readonly #next = new WeakMap<Scheduled, { readonly after: number; readonly tick: number }>()
  #restUntil = 0

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const nextMs = await this.#look()
      const restMs = Math.min(LOOK_EVERY_MS, Math.max(1, nextMs - Date.now()))
      await wait(restMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Decides what is due; tells when the next tick comes. */
  async #look(): Promise<number> {
    const nowMs = Date.now()
    if (nowMs < this.#restUntil) return this.#restUntil
    const due: Scheduled[] = []
    let nextMs = Infinity
    for (const scheduled of this.#options.book.all()) {
      const tick = this.#nextOf(scheduled)
      if (tick <= nowMs) due.push(scheduled)
      else nextMs = Math.min(nextMs, tick)
    }
    if (due.length === 0) return nextMs
    try {
      await this.#requireRoom()
      const queue = due.values()
      const one = async () => {
        for (const scheduled of queue) await this.#decide(scheduled, nowMs)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, one))
    } catch (error) {
      this.#restUntil = nowMs + TROUBLE_RETRY_MS
      this.#options.log.warn('ticks_wait', { due: due.length, error })
    }
    return nextMs
  }

  #nextOf(scheduled: Scheduled): number {
    const after = this.#decidedTo(scheduled)
    const known = this.#next.get(scheduled)
    if (known?.after === after) return known.tick
    const tick = scheduled.ticks.after(after) ?? Infinity
    this.#next.set(scheduled, { after, tick })
    return tick
  }

  #decidedTo({ version, sinceMs }: Scheduled): number {
    const { data } = this.#options.book.decided(version.function_id)
    return Math.max(sinceMs, data === undefined ? 0 : Date.parse(data.tick))
  }

  async #decide(scheduled: Scheduled, nowMs: number): Promise<void> {
    const { book, hasEnded, jobIds } = this.#options
    const { version, schedule, definitionSeq, ticks } = scheduled
    const { function_id: functionId } = version
    const due = dueTick(ticks, this.#decidedTo(scheduled), nowMs)
    if (due === undefined) return
    const { seq, data } = book.decided(functionId)
    const before = data?.job ?? null
    const mayOverlap = schedule.overlap === 'allow' || before === null || !due.inTime
    const isRunning = !mayOverlap && !(await hasEnded(functionId, before))
    const jobId = await jobIds.take()
    const saying = { source: SOURCE, time: new Date().toISOString() }
    const asked = { version, schedule, definitionSeq, due, before, isRunning, jobId }
    const decided = decideTick(asked, saying)
    const [{ data: ticked }] = decided
    const place = await this.#append(decided, seq, definitionSeq)
    if (place === undefined) {
      await book.reload(functionId)
      return
    }
    book.note(functionId, { seq: place, data: ticked })
    this.#tell(functionId, due, ticked.outcome)
  }

  /** Where the tick stands; undefined: somebody was faster, or the function has changed. */
  async #append(
    [ticked, delayed]: ReturnType<typeof decideTick>,
    tickSeq: number,
    definitionSeq: number,
  ): Promise<number | undefined> {
    const { appender, payloads, ttlDays } = this.#options
    const { function_id } = ticked.data
    const messages: Append[] = [
      {
        ...(await payloads.seal(ticked, 'as-long-as-the-log')),
        ...{ subject: subjects.scheduleTicked(function_id), id: ticked.id, ttlDays },
        expect: { seq: tickSeq },
      },
    ]
    if (delayed !== undefined) {
      messages.push({
        ...(await payloads.seal(delayed, 'as-long-as-the-log')),
        ...{ subject: subjects.jobEvent(function_id, 'delayed'), id: delayed.id, ttlDays },
        expect: { seq: definitionSeq, on: filters.functionEventsOf(function_id) },
      })
    }
    try {
      const { seq, duplicate } = await appender.appendAtomically(messages)
      return duplicate ? undefined : seq - messages.length + 1
    } catch (error) {
      if (!isOvertaken(error)) throw error
      return undefined
    }
  }

  #tell(functionId: number, { tick, missed }: DueTick, outcome: string): void {
    const fields = { functionId, tick: new Date(tick).toISOString(), outcome, missed }
    const isRoutine = outcome === 'started' && missed === null
    this.#options.log[isRoutine ? 'debug' : 'warn']('tick_decided', fields)
  }

  /** Throws while the log is nearly full. */
  async #requireRoom(): Promise<void> {
    const { config, state } = await this.#options.bus.jsm.streams.info(EVENTS)
    if (state.bytes < FULL_FROM * config.max_bytes) return
    throw new AppendError('STREAM_FULL', `${EVENTS} is nearly full`)
  }
}

const REPEATED_IN_BATCH = '(10201)'

/** An expectation that failed, or a message id that the server knows. */
function isOvertaken(error: unknown): boolean {
  if (!(error instanceof AppendError)) return false
  return error.code === 'CONFLICT' || error.message.includes(REPEATED_IN_BATCH)
}
