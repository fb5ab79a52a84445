/**
 * Callers who wait for a job hear of its cancel at once, also if nobody has claimed it yet.
 *
 * The edge says it to the caller's own inbox, as an executor would: where the end stands.
 */
import { jobOfMessageId } from '#events/jobs.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeInOrder, type Consumption } from '#events/jetstream/consume.ts'
import type { JobReply } from '#events/replies.ts'
import { EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import { untilDone } from '#runtime/retry.ts'

export interface CancelledWaitsOptions {
  readonly bus: Bus
  readonly log: Log
  readonly signal: AbortSignal
}

export class CancelledWaits implements AsyncDisposable {
  readonly #bus: Bus
  readonly #consumption: Consumption
  /** Inboxes, by job. */
  readonly #waiting = new Map<number, string>()

  private constructor({ bus, log }: CancelledWaitsOptions, from: number) {
    this.#bus = bus
    this.#consumption = consumeInOrder(bus, {
      stream: EVENTS,
      filter: filters.cancelledJobs,
      from,
      headersOnly: true,
      maxMessages: 1_000,
      onMessage: ({ headers, seq }) => this.#cancelled(headers?.get('Nats-Msg-Id') ?? '', seq),
      onTrouble: log.warn,
    })
  }

  static async open(options: CancelledWaitsOptions): Promise<CancelledWaits> {
    const { bus, log, signal } = options
    const look = () => bus.jsm.streams.info(EVENTS)
    const { state } = await untilDone(look, { what: 'events', log, signal })
    return new CancelledWaits(options, state.last_seq + 1)
  }

  /** The inbox is told until the returned function is called. */
  add(jobId: number, inbox: string): () => void {
    this.#waiting.set(jobId, inbox)
    return () => void this.#waiting.delete(jobId)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumption.stop()
  }

  #cancelled(messageId: string, seq: number): void {
    const jobId = jobOfMessageId(messageId)
    const inbox = jobId === undefined ? undefined : this.#waiting.get(jobId)
    if (inbox === undefined) return
    const reply: JobReply = { seq }
    this.#bus.nc.publish(inbox, JSON.stringify(reply))
  }
}
