/**
 * A run command that nobody can ever read: its text is broken, or what it refers to is gone.
 *
 * Invariants:
 * 1. It is buried, its job ends as failed, whoever waits is told, and the message is terminated: in
 *    this order, so that who is cut off in between does it again, and the server drops the repeats.
 * 2. The end says what the message still tells, by its id and subject. Where the read model knows
 *    the job from before, it keeps what it knows.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { failedJob, noRun, unreadable } from '#domain/job.ts'
import { LOCAL_OWNER } from '#events/functions.ts'
import { jobMessageId, jobOfMessageId, type JobAccepted } from '#events/jobs.ts'
import type { Appender } from '#events/jetstream/append.ts'
import { buryMessage } from '#events/jetstream/dead.ts'
import { parseRun } from '#events/subjects.ts'
import type { Leases } from './lease.ts'
import type { Outcomes } from './outcomes.ts'

export interface Burying {
  readonly appender: Appender
  readonly outcomes: Outcomes
  readonly leases: Leases
}

export async function giveUpUnreadable(
  message: JsMsg,
  reason: string,
  { appender, outcomes, leases }: Burying,
): Promise<void> {
  const said = { source: 'sluice/executor', time: new Date().toISOString() }
  const job = jobIn(message)
  const id =
    job === undefined ? `${message.subject}:${message.seq}:dead` : jobMessageId.dead(job.job_id)
  await buryMessage(appender, message, reason, { ...said, id, code: 'UNREADABLE' })
  if (job !== undefined) {
    const cause = { correlationid: jobMessageId.run(job.job_id) }
    const end = failedJob(job, noRun(1), unreadable(reason), { ...said, cause })
    const { seq } = await outcomes.append(end)
    outcomes.reply(message, seq, end)
  }
  leases.terminate(message, 'UNREADABLE')
}

function jobIn({ headers, subject, info }: JsMsg): JobAccepted | undefined {
  const jobId = jobOfMessageId(headers?.get('Nats-Msg-Id') ?? '')
  const run = parseRun(subject)
  if (jobId === undefined || run === undefined) return undefined
  return {
    job_id: jobId,
    function_id: run.functionId,
    function_version: 0,
    runtime: run.runtime,
    owner: LOCAL_OWNER,
    input: null,
    accepted_at: new Date(Math.floor(info.timestampNanos / 1_000_000)).toISOString(),
  }
}
