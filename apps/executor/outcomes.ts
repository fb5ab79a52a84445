/**
 * Says on EVENTS what came of a job, and tells whoever waits for it.
 *
 * Invariant: nobody is told of an end before the log has it on disk. A full log is waited out, since
 * the user's code has run and must not run again for want of space.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { JsMsg } from '@nats-io/jetstream'
import type { JobEnded, JobEvent } from '#events/jobs.ts'
import { AppendError, type Appended, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { REPLY_BYTES_MAX, REPLY_HEADER, type JobReply } from '#events/replies.ts'
import { subjects, type JobFact } from '#events/subjects.ts'

const FULL_RETRY_MS = 1_000

const FACTS: Readonly<Record<JobEvent['type'], JobFact>> = {
  'job.started': 'started',
  'job.succeeded': 'succeeded',
  'job.failed': 'failed',
}

export interface OutcomesOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  /** How long the log keeps a job's events. */
  readonly ttlDays: number
  readonly signal: AbortSignal
  readonly onFull: () => void
}

export class Outcomes {
  readonly #options: OutcomesOptions
  readonly #ttl: string

  constructor(options: OutcomesOptions) {
    this.#options = options
    this.#ttl = `${options.ttlDays * 24}h`
  }

  /** `urgent`: a caller waits for it. */
  async append(event: JobEvent, urgent = false): Promise<Appended> {
    const { payloads, appender, signal, onFull } = this.#options
    const sealing = payloads.seal(event, 'as-long-as-the-log')
    const { payload, headers = [] } = sealing instanceof Promise ? await sealing : sealing
    const { traceparent } = event
    const message = {
      subject: subjects.jobEvent(event.data.function_id, FACTS[event.type]),
      id: event.id,
      payload,
      ttl: this.#ttl,
      urgent,
      headers: traceparent === undefined ? headers : [...headers, TRACE(traceparent)],
    }
    for (;;) {
      try {
        return await appender.append(message)
      } catch (error) {
        if (!(error instanceof AppendError) || error.code !== 'STREAM_FULL') throw error
        onFull()
        await wait(FULL_RETRY_MS, undefined, { signal })
      }
    }
  }

  /** Answers the caller's inbox, if the command names one. */
  reply(command: JsMsg, seq: number, end: JobEnded): void {
    const inbox = command.headers?.get(REPLY_HEADER)
    if (inbox === undefined || inbox === '') return
    const { data } = end
    const { job_id, function_id, function_version, attempt } = data
    const { accepted_at, finished_at, duration_ms } = data
    const outcome =
      end.type === 'job.succeeded' ? { result: end.data.result } : { error: end.data.error }
    const shown = { job_id, function_id, function_version, attempt, accepted_at, finished_at }
    const reply: JobReply = { seq, end: { ...shown, duration_ms, ...outcome } }
    const body = JSON.stringify(reply)
    const fits = body.length <= REPLY_BYTES_MAX / 3 || Buffer.byteLength(body) <= REPLY_BYTES_MAX
    this.#options.bus.nc.publish(inbox, fits ? body : JSON.stringify({ seq }))
  }

  /** Tells the caller where the end stands that was there already. */
  replyWithPlace(command: JsMsg, seq: number): void {
    const inbox = command.headers?.get(REPLY_HEADER)
    if (inbox) this.#options.bus.nc.publish(inbox, JSON.stringify({ seq }))
  }
}

const TRACE = (traceparent: string) => ['traceparent', traceparent] as const
