/**
 * What follows a run that failed, where its function wants another one.
 *
 * Invariants:
 * 1. First the failure is said, then the next attempt is laid by on the log until it is due, then the
 *    command is settled: who is cut off in between finds the failure, and does the rest. So as many
 *    runs end as the policy says, whoever is killed.
 * 2. Meanwhile the job holds nothing: no slot, no place in its function's queue.
 * 3. Only what was accepted is run again. Whoever waits for a call is told of its failure at once.
 */
import { jobDelayed, jobRetrying, nextRunAfterMs, retryDelayMs } from '#domain/job.ts'
import { causedBy } from '#events/envelope.ts'
import type { RetryPolicy } from '#events/functions.ts'
import type { JobFailed, RunJob } from '#events/jobs.ts'
import type { Outcomes } from './outcomes.ts'

const SOURCE = 'sluice/executor'

/** Tells whether another run follows; `before` runs of the job had failed. */
export async function retried(
  command: RunJob,
  { data: { attempt, error } }: JobFailed,
  { policy, before }: { policy: RetryPolicy | undefined; before: number },
  outcomes: Outcomes,
): Promise<boolean> {
  const failed = { code: error.code, runs: before + 1 }
  const afterMs = nextRunAfterMs(policy, failed, Math.random())
  if (afterMs === undefined) return false
  const now = Date.now()
  const retryAt = new Date(now + afterMs).toISOString()
  const said = { source: SOURCE, time: new Date(now).toISOString() }
  await outcomes.append(jobRetrying(command, { attempt, error, retryAt }, said))
  await layBy(command, attempt + 1, retryAt, outcomes)
  return true
}

/** For whoever said that `attempt` failed and no more. */
export async function handOn(command: RunJob, attempt: number, outcomes: Outcomes): Promise<void> {
  const dueAt = new Date(Date.now() + retryDelayMs(attempt, Math.random())).toISOString()
  await layBy(command, attempt + 1, dueAt, outcomes)
}

async function layBy(
  command: RunJob,
  attempt: number,
  dueAt: string,
  outcomes: Outcomes,
): Promise<void> {
  const saying = { source: SOURCE, time: new Date().toISOString(), cause: causedBy(command) }
  await outcomes.append(jobDelayed(command.data, dueAt, attempt, saying))
}
