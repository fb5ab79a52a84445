/**
 * The sweeper: every accepted job ends, whatever was killed on the way.
 *
 * Invariants:
 * 1. A running job is overdue when its time-out and two leases are over: by then its command was
 *    delivered again and started anew, unless the command is gone.
 * 2. A pending job is lost when its function's durable has nothing waiting and nothing in flight,
 *    seen so in two sweeps in a row: the command is gone, so nobody will ever run it.
 * 3. An end that comes after all is dropped: the first one counts.
 */
import { JetStreamApiError } from '@nats-io/jetstream'
import { expired, failedJob, noRun } from '#domain/job.ts'
import type { Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { ACK_WAIT_MS, CALL_GRACE_MS, COMMANDS, EVENTS } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { TIMEOUT_MS_MAX } from '#events/functions.ts'
import type { Db } from '#projections/database.ts'
import { overdueJobs, type UnfinishedJob } from '#projections/job-queries.ts'
import type { Log } from '#runtime/log.ts'

const PAGE = 500
/** Younger jobs are not looked at. */
const YOUNG_MS = 30_000
const CONSUMER_NOT_FOUND = 10014

export interface SweeperOptions {
  readonly db: Db
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  readonly ttlDays: number
  readonly log: Log
}

export class Sweeper {
  readonly #options: SweeperOptions
  /** Jobs whose command seemed gone at the last sweep. */
  #suspects = new Set<number>()

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** Ends what is overdue at `nowMs`; tells how many. */
  async sweep(nowMs: number): Promise<number> {
    const { db } = this.#options
    const pendingBefore = new Date(nowMs - YOUNG_MS).toISOString()
    const drained = new Map<number, boolean>()
    const suspects = new Set<number>()
    let ended = 0
    let after: UnfinishedJob | undefined
    for (;;) {
      const page = await overdueJobs(db, { pendingBefore, limit: PAGE, after })
      for (const job of page) {
        if (await this.#isOverdue(job, nowMs, drained, suspects)) {
          await this.#end(job, nowMs)
          ended++
        }
      }
      after = page.at(-1)
      if (page.length < PAGE) break
    }
    this.#suspects = suspects
    return ended
  }

  async #isOverdue(
    job: UnfinishedJob,
    nowMs: number,
    drained: Map<number, boolean>,
    suspects: Set<number>,
  ): Promise<boolean> {
    if (job.status === 'running' && job.started_at !== null) {
      const allowedMs = (job.timeout_ms ?? TIMEOUT_MS_MAX) + 2 * ACK_WAIT_MS + CALL_GRACE_MS
      return nowMs > Date.parse(job.started_at) + allowedMs
    }
    let gone = drained.get(job.function_id)
    if (gone === undefined) {
      gone = await this.#isDrained(job.function_id)
      drained.set(job.function_id, gone)
    }
    if (gone) suspects.add(job.job_id)
    return gone && this.#suspects.has(job.job_id)
  }

  async #isDrained(functionId: number): Promise<boolean> {
    try {
      const info = await this.#options.bus.jsm.consumers.info(COMMANDS, `fn-${functionId}`)
      return info.num_pending + info.num_ack_pending === 0
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND) return true
      throw error
    }
  }

  async #end(job: UnfinishedJob, nowMs: number): Promise<void> {
    const { payloads, appender, ttlDays, log } = this.#options
    const id = `sweep:${job.job_id}`
    const said = {
      source: 'sluice/handler',
      time: new Date(nowMs).toISOString(),
      cause: { correlationid: id },
    }
    const sinceMs = nowMs - Date.parse(job.accepted_at)
    const end = failedJob(job, noRun(Math.max(1, job.attempt)), expired(sinceMs), said)
    const sealed = await payloads.sealJob(end)
    const subject = subjects.jobEvent(job.function_id, 'failed')
    await appender.append({ ...sealed, subject, id: end.id, ttl: `${ttlDays * 24}h` })
    log.warn('job_expired', { jobId: job.job_id, functionId: job.function_id, stream: EVENTS })
  }
}
