/**
 * Executions that were answered from the cache: each is a job all the same, told to the log.
 *
 * Invariants:
 * 1. The client does not wait for that. What it was answered is on disk already, as the end of the
 *    job that the result came from; what a crash in this very moment loses is that it was asked
 *    once more.
 * 2. Whoever asks this edge for jobs or sessions afterwards finds it there (`settled`).
 */
import { jobCached } from '#domain/job.ts'
import type { Cause } from '#events/envelope.ts'
import type { JobAccepted } from '#events/jobs.ts'
import type { Appender } from '#events/jetstream/append.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { subjects } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'

/** A log that is away says so to whoever asks for more. */
const SETTLE_WITHIN_MS = 1_000

export interface CachedJobsOptions {
  readonly payloads: Payloads
  readonly appender: Appender
  /** How long the log keeps what happened to a job. */
  readonly ttlDays: number
  readonly log: Log
}

export class CachedJobs {
  readonly #options: CachedJobsOptions
  readonly #telling = new Set<Promise<void>>()

  constructor(options: CachedJobsOptions) {
    this.#options = options
  }

  record(job: JobAccepted, sourceJobId: number, cause: Cause): void {
    const telling = this.#tell(job, sourceJobId, cause).finally(() => this.#telling.delete(telling))
    this.#telling.add(telling)
  }

  /** Resolves when what was recorded before is on the log, or cannot get there now. */
  settled(): Promise<unknown> | undefined {
    if (this.#telling.size === 0) return undefined
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, SETTLE_WITHIN_MS)
      const done = () => {
        clearTimeout(timer)
        resolve(undefined)
      }
      Promise.all(this.#telling).then(done, done)
    })
  }

  async #tell(job: JobAccepted, sourceJobId: number, cause: Cause): Promise<void> {
    const { payloads, appender, ttlDays, log } = this.#options
    const event = jobCached(job, sourceJobId, {
      source: 'sluice/edge',
      time: new Date().toISOString(),
      cause,
    })
    const subject = subjects.jobEvent(job.function_id, 'cached')
    try {
      const sealed = await payloads.seal(event, 'as-long-as-the-log')
      await appender.append({ ...sealed, subject, id: event.id, ttlDays })
    } catch (error) {
      log.warn('cached_job_not_told', { jobId: job.job_id, sourceJobId, error })
    }
  }
}
