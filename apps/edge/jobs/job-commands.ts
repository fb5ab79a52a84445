/**
 * What is asked of jobs, as commands.
 *
 * Invariant: the read model tells how it ended, not the handler's reply: the first end in stream
 * order counts, and a cancel may come behind another one.
 */
import { randomUUID } from 'node:crypto'
import { Problem } from '#domain/problem.ts'
import type { Cause } from '#events/envelope.ts'
import { jobMessageId } from '#events/jobs.ts'
import { findJob, type JobRow } from '#projections/job-queries.ts'
import type { SendCommand } from '../commands.ts'
import type { Queries } from '../queries.ts'

export interface JobCommandsOptions {
  readonly send: SendCommand
  readonly queries: Queries
}

/** Resolves with the job as it is then; one that had another end before is a `CONFLICT`. */
export type CancelJob = (owner: string, id: number, cause: Cause) => Promise<JobRow>

export function createCancelJob({ send, queries }: JobCommandsOptions): CancelJob {
  const find = async (owner: string, id: number) => {
    const { value } = await queries.require(
      (db) => findJob(db, owner, id),
      () => jobNotFound(id),
    )
    return value
  }

  return async (owner, id, cause) => {
    const before = await find(owner, id)
    if (before.finished_at !== null) return requireCancelled(before)
    const asked = { type: 'job.cancel', id: jobMessageId.cancel(randomUUID()), subject: String(id) }
    await send({ ...asked, data: { job_id: id, owner } }, cause)
    const after = await find(owner, id)
    if (after.finished_at !== null) return requireCancelled(after)
    throw new Problem('UNAVAILABLE', 'The cancel is stored, but the read model is behind the log.')
  }
}

function requireCancelled(job: JobRow): JobRow {
  if (job.cancelled) return job
  const { id, status } = job
  throw new Problem('CONFLICT', `Job ${id} has ended already.`, { field: 'id', status })
}

export function jobNotFound(id: number): Problem {
  return new Problem('NOT_FOUND', `There is no job ${id}.`, { field: 'id' })
}
