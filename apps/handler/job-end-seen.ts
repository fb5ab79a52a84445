/**
 * Whether a job has ended, to the last event of the log: the read model knows nearly all of it, and
 * the log itself tells what the read model has not seen yet.
 */
import { DeliverPolicy } from '@nats-io/jetstream'
import { jobMessageId } from '#events/jobs.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { readToEnd, since } from '#events/jetstream/read-to-end.ts'
import { EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import { readCheckpoint } from '#projections/checkpoint.ts'
import type { Db } from '#projections/database.ts'
import type { Log } from '#runtime/log.ts'

export interface MadeJob {
  readonly job_id: number
  readonly accepted_at: string
}

export type HasEnded = (functionId: number, job: MadeJob) => Promise<boolean>

export function createHasEnded(bus: Bus, db: Db, log: Log): HasEnded {
  return async (functionId, { job_id, accepted_at }) => {
    const seen = await seenBy(db, job_id).catch((error: unknown) => {
      log.warn('read_model_away', { error })
      return undefined
    })
    if (seen?.ended === true) return true
    const from =
      seen === undefined
        ? since(Date.parse(accepted_at))
        : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: seen.upTo + 1 }
    const options = {
      ...from,
      filter_subjects: filters.jobEventsOf(functionId),
      headers_only: true,
    }
    let ended = false
    await readToEnd(bus, EVENTS, options, ({ headers }) => {
      ended ||= headers?.get('Nats-Msg-Id') === jobMessageId.end(job_id)
    })
    return ended
  }
}

/** What the read model says of the job, and how far it had come before it was asked. */
async function seenBy(
  db: Db,
  jobId: number,
): Promise<{ ended: boolean; upTo: number } | undefined> {
  const checkpoint = await readCheckpoint(db)
  if (checkpoint === undefined) return undefined
  const row = await db
    .selectFrom('jobs')
    .select('finished_at')
    .where('id', '=', jobId)
    .executeTakeFirst()
  return { ended: row !== undefined && row.finished_at !== null, upTo: checkpoint.events_seq }
}
