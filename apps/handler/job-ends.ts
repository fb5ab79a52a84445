/** Ends of jobs that a handler says: of what nobody runs any more, or shall run. */
import type { JobCancelled, JobFailed } from '#events/jobs.ts'
import type { Appended, Appender } from '#events/jetstream/append.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { subjects } from '#events/subjects.ts'

export interface JobEndsOptions {
  readonly payloads: Payloads
  readonly appender: Appender
  /** How long the log keeps a job's events. */
  readonly ttlDays: number
}

/** A job that has an end keeps it: the answer is then where that one stands, as a duplicate. */
export type EndJob = (end: JobFailed | JobCancelled) => Promise<Appended>

export function createJobEnds({ payloads, appender, ttlDays }: JobEndsOptions): EndJob {
  return async (end) => {
    const sealed = await payloads.sealJob(end)
    const fact = end.type === 'job.failed' ? 'failed' : 'cancelled'
    const subject = subjects.jobEvent(end.data.function_id, fact)
    return appender.append({ ...sealed, subject, id: end.id, ttlDays })
  }
}
