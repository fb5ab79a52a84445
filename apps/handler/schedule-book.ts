/**
 * Every schedule there is, and how far its ticks are decided: read from EVENTS at the start, kept
 * current from there. What is behind the log by a moment does no harm, since a tick is appended with
 * the expectation that neither its function nor its ticks have moved on.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { ticksOf, type Ticks } from '#domain/schedule.ts'
import type { FunctionEvent, FunctionVersion } from '#events/functions.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeInOrder } from '#events/jetstream/consume.ts'
import { isUnreadable, type Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import type { Schedule, ScheduleTicked } from '#events/schedules.ts'
import { EVENTS } from '#events/streams.ts'
import { filters, subjects } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import { untilDone } from '#runtime/retry.ts'

export interface Scheduled {
  /** Without the code: of the definition, only what a tick needs. */
  readonly version: FunctionVersion
  /** Where it stands on EVENTS. */
  readonly definitionSeq: number
  readonly schedule: Schedule
  readonly ticks: Ticks
  /** It has no ticks up to here. */
  readonly sinceMs: number
}

/** The newest tick that was decided, and where it stands; `seq` 0: none that the log still holds. */
export interface Decided {
  readonly seq: number
  readonly data: ScheduleTicked['data'] | undefined
}

export interface ScheduleBookOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly log: Log
  readonly signal: AbortSignal
}

export class ScheduleBook implements AsyncDisposable {
  readonly #options: ScheduleBookOptions
  readonly #scheduled = new Map<number, Scheduled>()
  readonly #decided = new Map<number, Decided>()
  readonly #reading = new AsyncDisposableStack()
  /** Messages are read one after another, also those that lie in the object store. */
  #read: Promise<void> = Promise.resolve()

  constructor(options: ScheduleBookOptions) {
    this.#options = options
    this.#follow(filters.functionEvents, (message) => this.#define(message))
    this.#follow(filters.scheduleTicks, async (message) => {
      const { data } = await options.payloads.open<ScheduleTicked>(message)
      this.note(data.function_id, { seq: message.seq, data })
    })
  }

  all(): Iterable<Scheduled> {
    return this.#scheduled.values()
  }

  decided(functionId: number): Decided {
    return this.#decided.get(functionId) ?? { seq: 0, data: undefined }
  }

  /** What is older than what is known is ignored. */
  note(functionId: number, decided: Decided): void {
    if (decided.seq > this.decided(functionId).seq) this.#decided.set(functionId, decided)
  }

  /** As the log has it now: an event that is past its age is gone from there, but not from here. */
  async reload(functionId: number): Promise<void> {
    const { bus, payloads } = this.#options
    const query = { last_by_subj: subjects.scheduleTicked(functionId) }
    const recorded = await readEvent<ScheduleTicked>(bus, payloads, query)
    this.#decided.set(functionId, { seq: recorded?.seq ?? 0, data: recorded?.event.data })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reading.disposeAsync()
    await this.#read
  }

  #follow(filter: string, take: (message: JsMsg) => Promise<void>): void {
    const { bus, log, signal } = this.#options
    const read = async (message: JsMsg) => {
      const { subject, seq } = message
      try {
        await untilDone(() => this.#unlessUnreadable(() => take(message), { subject, seq }), {
          what: 'schedule',
          log,
          signal,
        })
      } catch (error) {
        if (!signal.aborted) throw error
      }
    }
    const consumption = consumeInOrder(bus, {
      stream: EVENTS,
      filter,
      from: 1,
      lastPerSubject: true,
      maxMessages: 1_000,
      onMessage: (message) => {
        this.#read = this.#read.then(() => read(message))
      },
      onTrouble: log.warn,
    })
    this.#reading.defer(() => consumption.stop())
  }

  async #unlessUnreadable(take: () => Promise<void>, about: object): Promise<void> {
    try {
      await take()
    } catch (error) {
      if (!isUnreadable(error)) throw error
      this.#options.log.error('schedule_unreadable', { ...about, error })
    }
  }

  async #define(message: JsMsg): Promise<void> {
    const { data, type } = await this.#options.payloads.open<FunctionEvent>(message)
    const id = data.function_id
    if (type === 'function.deleted' || !('definition' in data)) {
      this.#scheduled.delete(id)
      this.#decided.delete(id)
      return
    }
    const { schedule } = data.definition
    if (schedule === undefined || schedule.enabled === false) {
      this.#scheduled.delete(id)
      return
    }
    this.#scheduled.set(id, {
      version: { ...data, definition: { ...data.definition, code: '' } },
      definitionSeq: message.seq,
      schedule,
      ticks: ticksOf(schedule),
      sinceMs: Date.parse(data.scheduled_since ?? data.updated_at),
    })
  }
}
