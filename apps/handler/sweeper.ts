/**
 * The sweeper: every accepted job ends, whatever was killed on the way.
 *
 * Invariants:
 * 1. No job is ended while its command may still be run, however long that takes: an executor that
 *    stands still, or is away, runs it when it is back. A command is gone when its function's durable
 *    has nothing waiting and nothing in flight, or nothing that is as old as the job, seen so in two
 *    sweeps in a row.
 * 2. A running job is overdue when, moreover, its time-out and two leases are over. A call has no
 *    command, so that is all that counts for it, unless older commands of its function still wait.
 * 3. An end that comes after all is dropped: the first one counts.
 */
import { expired, failedJob, noRun } from '#domain/job.ts'
import { isConsumerNotFound } from '#events/jetstream/api-errors.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import {
  ACK_WAIT_MS,
  CALL_GRACE_MS,
  COMMANDS,
  EVENTS,
  functionDurableName,
} from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import { TIMEOUT_MS_MAX } from '#events/functions.ts'
import type { Db } from '#projections/database.ts'
import { overdueJobs, type UnfinishedJob } from '#projections/job-queries.ts'
import type { Log } from '#runtime/log.ts'
import type { EndJob } from './job-ends.ts'

const PAGE = 500
/** Younger jobs are not looked at. */
const YOUNG_MS = 30_000
/** Clocks of edge and NATS server may differ by so much. */
const CLOCK_SLACK_MS = 60_000

export interface SweeperOptions {
  readonly db: Db
  readonly bus: Bus
  readonly endJob: EndJob
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
    const oldest = new Map<number, number>()
    const suspects = new Set<number>()
    let ended = 0
    let after: UnfinishedJob | undefined
    for (;;) {
      const page = await overdueJobs(db, { pendingBefore, limit: PAGE, after })
      for (const job of page) {
        if (await this.#isOverdue(job, nowMs, oldest, suspects)) {
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
    oldest: Map<number, number>,
    suspects: Set<number>,
  ): Promise<boolean> {
    if (job.status === 'running' && job.started_at !== null) {
      const allowedMs = (job.timeout_ms ?? TIMEOUT_MS_MAX) + 2 * ACK_WAIT_MS + CALL_GRACE_MS
      if (nowMs <= Date.parse(job.started_at) + allowedMs) return false
    }
    let oldestMs = oldest.get(job.function_id)
    if (oldestMs === undefined) {
      oldestMs = await this.#oldestCommand(job.function_id)
      oldest.set(job.function_id, oldestMs)
    }
    const gone = oldestMs > Date.parse(job.accepted_at) + CLOCK_SLACK_MS
    if (gone) suspects.add(job.job_id)
    return gone && this.#suspects.has(job.job_id)
  }

  /** When the oldest command of the function that is not done was stored; Infinity: there is none. */
  async #oldestCommand(functionId: number): Promise<number> {
    const { jsm } = this.#options.bus
    try {
      const info = await jsm.consumers.info(COMMANDS, functionDurableName(functionId))
      if (info.num_pending + info.num_ack_pending === 0) return Infinity
      const message = await jsm.direct.getMessage(COMMANDS, {
        seq: info.ack_floor.stream_seq + 1,
        next_by_subj: filters.runJobsOf(functionId),
      })
      return message === null ? Infinity : message.time.getTime()
    } catch (error) {
      if (isConsumerNotFound(error)) return Infinity
      throw error
    }
  }

  async #end(job: UnfinishedJob, nowMs: number): Promise<void> {
    const { endJob, log } = this.#options
    const id = `sweep:${job.job_id}`
    const said = {
      source: 'sluice/handler',
      time: new Date(nowMs).toISOString(),
      cause: { correlationid: id },
    }
    const sinceMs = nowMs - Date.parse(job.accepted_at)
    const end = failedJob(job, noRun(Math.max(1, job.attempt)), expired(sinceMs), said)
    await endJob(end)
    log.warn('job_expired', { jobId: job.job_id, functionId: job.function_id, stream: EVENTS })
  }
}
