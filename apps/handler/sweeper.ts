/**
 * The sweeper: every accepted job ends, whatever was killed on the way.
 *
 * Invariants:
 * 1. No job is ended while its command may still be run, however long that takes: an executor that
 *    stands still, or is away, runs it when it is back. A command is gone when its function's durable
 *    has nothing waiting and nothing in flight, or nothing that is as old as the job, seen so in two
 *    sweeps in a row.
 * 2. A running job is overdue when, moreover, its time-out (in a session the session's) and two leases
 *    are over. A call has no command, so that is all that counts for it, unless older commands of its
 *    function still wait.
 * 3. A job that was accepted for later is not looked at before its time, nor one that is tried again,
 *    nor are they ended while the log may still hold them back.
 * 4. One that has waited longer than its function wants is overdue whatever became of its command: who
 *    claims that later does not run it either.
 * 5. What the read model has not seen yet may tell that a job was begun, or is to be tried again: while
 *    it is behind where the log was after the last sweep, nothing is ended.
 * 6. An end that comes after all is dropped: the first one counts.
 */
import { expired, failedJob, isStale, noRun } from '#domain/job.ts'
import { isConsumerNotFound } from '#events/jetstream/api-errors.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import {
  ACK_WAIT_MS,
  CALL_GRACE_MS,
  CLOCK_SLACK_MS,
  COMMANDS,
  EVENTS,
  functionDurableName,
  laterDurable,
} from '#events/streams.ts'
import { filters, subjects } from '#events/subjects.ts'
import { TIMEOUT_MS_MAX } from '#events/functions.ts'
import { readCheckpoint } from '#projections/checkpoint.ts'
import type { Db } from '#projections/database.ts'
import { acceptedIn, overdueJobs, type UnfinishedJob } from '#projections/job-queries.ts'
import type { Log } from '#runtime/log.ts'
import type { EndJob } from './job-ends.ts'

const PAGE = 500
/** Younger jobs are not looked at. */
const YOUNG_MS = 30_000
/** What was claimed in time shows by then that it was. */
const BEGUN_WITHIN_MS = 10_000

export interface SweeperOptions {
  readonly db: Db
  readonly bus: Bus
  readonly endJob: EndJob
  readonly log: Log
}

/** What one sweep finds out, by function or job; what it suspects is proven by the next one. */
interface Findings {
  readonly oldestCommands: Map<number, number>
  readonly oldestDelayed: Map<number, number>
  /** Jobs whose command seems gone. */
  readonly suspects: Set<number>
  /** Delayed jobs that have been fired, and when that was first seen. */
  readonly released: Map<number, number>
}

const nothing = (): Findings => ({
  oldestCommands: new Map(),
  oldestDelayed: new Map(),
  suspects: new Set(),
  released: new Map(),
})

export class Sweeper {
  readonly #options: SweeperOptions
  #before: Findings = nothing()
  /** Where EVENTS ended after the last sweep; undefined: there was none, or it failed. */
  #logEnd: number | undefined

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** Ends what is overdue at `nowMs`; tells how many. */
  async sweep(nowMs: number): Promise<number> {
    const { db, bus } = this.#options
    const mayEnd = await this.#isReadModelCurrent()
    this.#logEnd = undefined
    const pendingBefore = new Date(nowMs - YOUNG_MS).toISOString()
    const found = nothing()
    let ended = 0
    let after: UnfinishedJob | undefined
    for (;;) {
      const page = await overdueJobs(db, { pendingBefore, limit: PAGE, after })
      for (const job of page) {
        if ((await this.#isOverdue(job, nowMs, found)) && mayEnd) {
          await this.#end(job, nowMs)
          ended++
        }
      }
      after = page.at(-1)
      if (page.length < PAGE) break
    }
    this.#before = found
    this.#logEnd = (await bus.jsm.streams.info(EVENTS)).state.last_seq
    return ended
  }

  async #isReadModelCurrent(): Promise<boolean> {
    if (this.#logEnd === undefined) return false
    const checkpoint = await readCheckpoint(this.#options.db)
    return checkpoint !== undefined && checkpoint.events_seq >= this.#logEnd
  }

  async #isOverdue(job: UnfinishedJob, nowMs: number, found: Findings): Promise<boolean> {
    const { due_at: accepted_at, max_queue_age, retry_at } = job
    const seenMs = nowMs - BEGUN_WITHIN_MS
    if (job.status === 'pending' && isStale({ accepted_at }, max_queue_age, seenMs)) return true
    if (retry_at !== null && nowMs < Date.parse(retry_at) + YOUNG_MS) return false
    if (job.status === 'running' && job.started_at !== null) {
      const allowedMs = (job.timeout_ms ?? TIMEOUT_MS_MAX) + 2 * ACK_WAIT_MS + CALL_GRACE_MS
      if (nowMs <= Date.parse(job.started_at) + allowedMs) return false
    }
    const { function_id } = job
    const storedBy = await this.#storedBy(job, nowMs, found)
    const oldest = await known(found.oldestCommands, function_id, () =>
      this.#oldestCommand(function_id),
    )
    const gone = oldest > storedBy + CLOCK_SLACK_MS
    if (gone) found.suspects.add(job.id)
    return gone && this.#before.suspects.has(job.id)
  }

  /** When its command, if it has one, was on COMMANDS at the latest; Infinity: it may yet come. */
  async #storedBy(job: UnfinishedJob, nowMs: number, found: Findings): Promise<number> {
    const { id, function_id, run_at, accepted_at, retry_at } = job
    if (run_at === null && retry_at === null) return Date.parse(accepted_at)
    const heldBackMs = Date.parse(retry_at ?? accepted_at)
    const oldest = await known(found.oldestDelayed, function_id, () =>
      this.#oldestDelayed(function_id),
    )
    if (oldest <= heldBackMs + CLOCK_SLACK_MS) return Infinity
    const releasedMs = this.#before.released.get(id) ?? nowMs
    found.released.set(id, releasedMs)
    return releasedMs
  }

  /** When the oldest job of the function that the log may hold back was accepted; Infinity: none. */
  async #oldestDelayed(functionId: number): Promise<number> {
    const { jsm } = this.#options.bus
    const info = await jsm.consumers.info(EVENTS, laterDurable.durable_name)
    if (info.num_pending + info.num_ack_pending === 0) return Infinity
    const message = await jsm.direct.getMessage(EVENTS, {
      seq: info.ack_floor.stream_seq + 1,
      next_by_subj: subjects.jobEvent(functionId, 'delayed'),
    })
    return message === null ? Infinity : message.time.getTime()
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
    const id = `sweep:${job.id}`
    const said = {
      source: 'sluice/handler',
      time: new Date(nowMs).toISOString(),
      cause: { correlationid: id },
    }
    const sinceMs = nowMs - Date.parse(job.accepted_at)
    const end = failedJob(acceptedIn(job), noRun(Math.max(1, job.attempt)), expired(sinceMs), said)
    await endJob(end)
    log.warn('job_expired', { jobId: job.id, functionId: job.function_id, stream: EVENTS })
  }
}

async function known<Key>(
  values: Map<Key, number>,
  key: Key,
  find: () => Promise<number>,
): Promise<number> {
  const value = values.get(key) ?? (await find())
  values.set(key, value)
  return value
}
