/**
 * Says on EVENTS what came of a job, and tells whoever waits for it.
 *
 * Invariant: nobody is told of an end before the log has it on disk. A full log is waited out, since
 * the user's code has run and must not run again for want of space. So is a store of large payloads
 * that is full or away.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { JsMsg } from '@nats-io/jetstream'
import type { JobDelayed, JobEnded, JobEvent, JobReturned } from '#events/jobs.ts'
import { AppendError, type Appended, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads, Sealed } from '#events/jetstream/payloads.ts'
import { REPLY_BYTES_MAX, REPLY_HEADER, type JobReply } from '#events/replies.ts'
import { subjects, type JobFact } from '#events/subjects.ts'

const FULL_RETRY_MS = 1_000
/** Longer than the store is away, somebody else may try; the appender has its own such bound. */
const STORE_AWAY_MS = 600_000

type Said = JobEvent | JobReturned | JobDelayed

const FACTS: Readonly<Record<Said['type'], JobFact>> = {
  'job.delayed': 'delayed',
  'job.started': 'started',
  'job.returned': 'returned',
  'job.retrying': 'retrying',
  'job.succeeded': 'succeeded',
  'job.failed': 'failed',
  'job.cancelled': 'cancelled',
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

  constructor(options: OutcomesOptions) {
    this.#options = options
  }

  /** `urgent`: a caller waits for it. */
  async append(event: Said, urgent = false): Promise<Appended> {
    const { payloads, appender, ttlDays, signal, onFull } = this.#options
    const { traceparent } = event
    let sealed: Sealed | undefined
    for (const since = performance.now(); ;) {
      try {
        if (sealed === undefined) {
          const sealing = isJobEvent(event) ? payloads.sealJob(event) : payloads.seal(event, KEEP)
          sealed = sealing instanceof Promise ? await sealing : sealing
        }
        const { payload, headers = [] } = sealed
        return await appender.append({
          subject: subjects.jobEvent(event.data.function_id, FACTS[event.type]),
          id: event.id,
          payload,
          ttlDays,
          urgent,
          headers: traceparent === undefined ? headers : [...headers, TRACE(traceparent)],
        })
      } catch (error) {
        const isAway = sealed === undefined && performance.now() - since < STORE_AWAY_MS
        if (!isWorthWaiting(error, isAway)) throw error
        if (error.code === 'STREAM_FULL') onFull()
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

/** What can be told without the input if there is no room for it. */
const isJobEvent = (event: Said): event is JobEvent =>
  event.type !== 'job.returned' && event.type !== 'job.delayed'

/** `isAway`: the store may be so, and the appender has not been waiting for it. */
function isWorthWaiting(error: unknown, isAway: boolean): error is AppendError {
  if (!(error instanceof AppendError)) return false
  return error.code === 'STREAM_FULL' || (error.code === 'UNAVAILABLE' && isAway)
}

const KEEP = 'as-long-as-the-log'
const TRACE = (traceparent: string) => ['traceparent', traceparent] as const
