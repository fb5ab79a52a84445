/**
 * What is asked of jobs, decided: find → end.
 *
 * Invariants:
 * 1. The first end in stream order is the job's end. A cancel that comes behind another one changes
 *    nothing, so the reply says where the end stands, and the read model which one it is.
 * 2. Whoever asks has seen the job in the read model; one that is not there is nobody's.
 */
import { cancelledJob } from '#domain/job.ts'
import { Problem } from '#domain/problem.ts'
import { causedBy } from '#events/envelope.ts'
import type { CancelJob } from '#events/jobs.ts'
import type { DecidedReply } from '#events/replies.ts'
import type { Db } from '#projections/database.ts'
import { acceptedIn, findJob } from '#projections/job-queries.ts'
import { SOURCE, type Aggregate, type Command } from './commands.ts'
import type { EndJob } from './job-ends.ts'

export interface JobCommandsOptions {
  readonly db: Db
  readonly endJob: EndJob
}

export function jobCommands(options: JobCommandsOptions): Aggregate<CancelJob> {
  return { isCommand: isJobCommand, act: (command) => cancel(command, options) }
}

function isJobCommand(command: Command): command is CancelJob {
  const { type, data } = command as CancelJob
  return type === 'job.cancel' && typeof data.job_id === 'number' && typeof data.owner === 'string'
}

async function cancel(
  command: CancelJob,
  { db, endJob }: JobCommandsOptions,
): Promise<DecidedReply> {
  const { job_id, owner } = command.data
  const row = await findJob(db, owner, job_id)
  if (row === undefined) {
    throw new Problem('NOT_FOUND', `There is no job ${job_id}.`, { field: 'id' })
  }
  if (row.finished_at !== null) return { seq: 0 }
  const said = { source: SOURCE, time: new Date().toISOString(), cause: causedBy(command) }
  const { seq } = await endJob(cancelledJob(acceptedIn(row), row.attempt, said))
  return { seq }
}
