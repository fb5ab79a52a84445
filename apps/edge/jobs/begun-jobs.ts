/**
 * A job that an earlier try of the same request may have begun: looked up in the read model, since
 * its reply went to somebody who is gone.
 *
 * Invariant: what is not found here had not begun, as far as the log said when it was asked.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Problem } from '#domain/problem.ts'
import { TIMEOUT_MS_MAX } from '#events/functions.ts'
import type { JobReplyEnd } from '#events/replies.ts'
import { CALL_GRACE_MS } from '#events/streams.ts'
import { findVersion } from '#projections/function-versions.ts'
import { findJob, type JobRow } from '#projections/job-queries.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Preference } from '../http/prefer.ts'
import type { Invoked } from './invoked.ts'
import type { Queries } from '../queries.ts'

const LOOK_EVERY_MS = 250
const CALL_WAIT_MAX_MS = TIMEOUT_MS_MAX + CALL_GRACE_MS

type Caller = Pick<Exchange, 'effect' | 'whenGone'>

export class BegunJobs {
  readonly #queries: Queries

  constructor(queries: Queries) {
    this.#queries = queries
  }

  /** What the caller would have been answered then; undefined: nothing had begun. */
  async answer(
    owner: string,
    { respondAsync, waitMs = 0 }: Preference,
    { effect: { before }, whenGone }: Caller,
  ): Promise<Invoked | undefined> {
    if (typeof before !== 'number') return undefined
    const row = await this.#find(owner, before)
    if (row === undefined) return undefined
    const { id: job_id, function_id, function_version, accepted_at, run_at } = row
    const stopping = new AbortController()
    whenGone(() => stopping.abort())
    const isCall = run_at === null && !respondAsync && waitMs === 0 && (await this.#isCalled(row))
    const end = isCall
      ? await this.#callEnd(owner, job_id, stopping.signal)
      : await this.#end(owner, job_id, waitMs, stopping.signal)
    if (end !== undefined) return { kind: 'ended', end }
    const later = run_at !== null && { run_at }
    const job = { job_id, function_id, function_version, accepted_at, ...later }
    return { kind: 'accepted', job: { ...job, queue_position: null, expected_start: null } }
  }

  /**
   * `reply`, or the end that the read model shows: the log may have dropped the call as a repeat, and
   * then nobody replies here.
   */
  async replyOrEnd(
    reply: Promise<JobReplyEnd>,
    owner: string,
    jobId: number,
  ): Promise<JobReplyEnd> {
    const stopping = new AbortController()
    const end = this.#callEnd(owner, jobId, stopping.signal)
    end.catch(() => undefined)
    try {
      return await Promise.race([reply, end])
    } finally {
      stopping.abort()
    }
  }

  async #callEnd(owner: string, id: number, signal: AbortSignal): Promise<JobReplyEnd> {
    const end = await this.#end(owner, id, CALL_WAIT_MAX_MS, signal)
    if (end !== undefined) return end
    throw new Problem('TIMEOUT', 'The call was not finished in time.', { job_id: id })
  }

  /** Undefined: it did not end within `withinMs`, or nobody wants to know. */
  async #end(
    owner: string,
    id: number,
    withinMs: number,
    signal: AbortSignal,
  ): Promise<JobReplyEnd | undefined> {
    const deadline = performance.now() + withinMs
    while (performance.now() < deadline && !signal.aborted) {
      const row = await this.#find(owner, id)
      if (row !== undefined && row.finished_at !== null) return endOf(row, row.finished_at)
      // Rejects when nobody wants to know any more.
      await wait(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined)
    }
    return undefined
  }

  #find(owner: string, id: number): Promise<JobRow | undefined> {
    return this.#queries.find((db) => findJob(db, owner, id))
  }

  async #isCalled({ owner, function_id, function_version }: JobRow): Promise<boolean> {
    const version = await this.#queries.find((db) =>
      findVersion(db, owner, function_id, function_version),
    )
    return version?.definition.execution_type === 'sync'
  }
}

function endOf(row: JobRow, finished_at: string): JobReplyEnd {
  const { id: job_id, function_id, function_version, attempt, accepted_at, duration_ms } = row
  const { result, error } = row
  const run = { job_id, function_id, function_version, attempt, accepted_at, finished_at }
  return { ...run, duration_ms, ...(error === null ? { result } : { error }) }
}
