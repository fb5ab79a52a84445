/**
 * Which jobs are cancelled, as the log has it: what was claimed of them is not run, what runs is cut
 * off and its process killed.
 *
 * Invariants:
 * 1. Whoever claims knows every cancel of a command that may still be delivered: all of the last
 *    seven days are read before the first claim, and then followed. A command that was accepted
 *    earlier is looked up in the log (`isCovered`).
 * 2. A cancel that comes too late is no end; whether it was one, the log says, not this file.
 */
import { jobOfMessageId } from '#events/jobs.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeInOrder, type Consumption } from '#events/jetstream/consume.ts'
import { readToEnd, since } from '#events/jetstream/read-to-end.ts'
import { CLOCK_SLACK_MS, COMMAND_DAYS_MAX, EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'

const DAY_MS = 86_400_000
const KEPT_MS = COMMAND_DAYS_MAX * DAY_MS

interface Cancel {
  readonly seq: number
  readonly atMs: number
}

/** A run that ends early if its job is cancelled. */
export interface Watched extends Disposable {
  readonly signal: AbortSignal
}

export interface CancellationsOptions {
  readonly bus: Bus
  readonly log: Log
}

export class Cancellations implements AsyncDisposable {
  readonly #options: CancellationsOptions
  /** By job, oldest first. */
  readonly #cancels = new Map<number, Cancel>()
  readonly #running = new Map<number, Set<AbortController>>()
  #consumption: Consumption | undefined

  constructor(options: CancellationsOptions) {
    this.#options = options
  }

  /** Resolves when every cancel that the log holds is known. */
  async start(): Promise<void> {
    const { bus, log } = this.#options
    const { state } = await bus.jsm.streams.info(EVENTS)
    const options = {
      ...since(Date.now() - KEPT_MS),
      filter_subjects: filters.cancelledJobs,
      headers_only: true,
    }
    const note = ({ headers, seq, info }: Noted) => {
      const jobId = jobOfMessageId(headers?.get('Nats-Msg-Id') ?? '')
      if (jobId !== undefined) this.#note(jobId, seq, info.timestampNanos / 1e6)
    }
    await readToEnd(bus, EVENTS, options, note)
    this.#consumption = consumeInOrder(bus, {
      stream: EVENTS,
      filter: filters.cancelledJobs,
      from: state.last_seq + 1,
      headersOnly: true,
      maxMessages: 1_000,
      onMessage: note,
      onTrouble: log.warn,
    })
  }

  /** Where on EVENTS the cancel of the job stands, if there is one. */
  seqOf(jobId: number): number | undefined {
    return this.#cancels.get(jobId)?.seq
  }

  /** False: the job is so old that its cancel may have been forgotten. */
  isCovered(acceptedAt: string): boolean {
    return Date.parse(acceptedAt) > Date.now() - KEPT_MS
  }

  watch(jobId: number): Watched {
    const controller = new AbortController()
    if (this.#cancels.has(jobId)) controller.abort()
    let runs = this.#running.get(jobId)
    if (runs === undefined) {
      runs = new Set()
      this.#running.set(jobId, runs)
    }
    runs.add(controller)
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        runs.delete(controller)
        if (runs.size === 0) this.#running.delete(jobId)
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumption?.stop()
  }

  #note(jobId: number, seq: number, atMs: number): void {
    if (!this.#cancels.has(jobId)) this.#cancels.set(jobId, { seq, atMs })
    for (const controller of this.#running.get(jobId) ?? []) controller.abort()
    for (const [oldest, cancel] of this.#cancels) {
      if (cancel.atMs > atMs - KEPT_MS - CLOCK_SLACK_MS) return
      this.#cancels.delete(oldest)
    }
  }
}

interface Noted {
  readonly headers?: { get(name: string): string } | undefined
  readonly seq: number
  readonly info: { readonly timestampNanos: number }
}
