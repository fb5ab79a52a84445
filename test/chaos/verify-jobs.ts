/**
 * Holds the log, the read models and the journal against each other, job by job.
 *
 * Checked:
 * 1. What a 2xx accepted has an end in the log, and REST shows the first one; so does a sync 200.
 * 2. Every job comes from one attempt of the journal and no attempt made two.
 * 3. Counters equal the log's distinct jobs and a recount of the pages; so do the jobs themselves.
 * 4. No job was started more often than attempts are allowed; what was exhausted is in DEAD.
 */
import { ATTEMPTS_MAX } from '#events/jobs.ts'
import type { Journal } from './journal.ts'
import type { LoggedEnd, LoggedJob, LogTruth } from './log-truth.ts'
import type { Invocations, Stored } from './stored.ts'

export interface JobFigures {
  /** Jobs that a 2xx named. */
  readonly accepted: number
  /** Jobs whose client got an error or nothing, and that ran all the same. */
  readonly unannounced: number
  readonly ended: number
  /** Jobs with a second attempt or more. */
  readonly retried: number
  readonly secondEnds: number
  readonly exhausted: number
  readonly expired: number
  readonly runsMax: number
}

/** `runs`: how often each job's code ran to an end, by the executors' own account. */
export function verifyJobs(
  journal: Journal,
  log: LogTruth,
  stored: Stored,
  runs: ReadonlyMap<number, number>,
): JobFigures {
  const violate = (what: string) => journal.violate(what)
  for (const told of journal.told.values()) {
    const { jobId, n, functionId, end } = told
    const logged = log.jobs.get(jobId)
    const first = logged?.ends[0]
    if (logged === undefined || first === undefined) {
      violate(`job ${jobId} was accepted and never ended in the log`)
      continue
    }
    if (logged.n !== n || logged.functionId !== functionId) {
      violate(`job ${jobId} of attempt ${n} is in the log as attempt ${logged.n}`)
    }
    if (end !== undefined && !same(end, first)) {
      violate(`job ${jobId} was answered ${json(end)}, but its end is ${json(first)}`)
    }
  }
  verifyOrigins(journal, log)
  verifyReadModel(journal, log, stored)
  return figures(journal, log, runs)
}

function verifyOrigins(journal: Journal, log: LogTruth): void {
  const jobOfAttempt = new Map<number, number>()
  for (const { jobId, n, functionId } of log.jobs.values()) {
    const invocation = journal.invocations.get(n)
    if (invocation === undefined || invocation.functionId !== functionId) {
      journal.violate(`job ${jobId} comes from attempt ${n}, which nobody made`)
      continue
    }
    const other = jobOfAttempt.get(n)
    if (other !== undefined) journal.violate(`attempt ${n} made the jobs ${other} and ${jobId}`)
    jobOfAttempt.set(n, jobId)
    if (invocation.answered && journal.told.get(jobId)?.n !== n) {
      journal.violate(`attempt ${n} was answered with another job than ${jobId}`)
    }
  }
}

function verifyReadModel(journal: Journal, log: LogTruth, stored: Stored): void {
  const violate = (what: string) => journal.violate(what)
  const counts = new Map<number, Invocations>()
  for (const job of log.jobs.values()) {
    const [first] = job.ends
    if (first === undefined) {
      violate(`job ${job.jobId} was started and never ended`)
      continue
    }
    const shown = stored.jobs.get(job.jobId)
    if (shown === undefined) violate(`job ${job.jobId} is in the log and in no page`)
    else if (!same(shown, first)) {
      violate(`job ${job.jobId} reads ${json(shown)}, but its end is ${json(first)}`)
    }
    const counted = counts.get(job.functionId) ?? NONE
    counts.set(job.functionId, plusOne(counted, first))
  }
  for (const [id, shown] of stored.invocations) {
    const counted = counts.get(id) ?? NONE
    if (json(shown) !== json(counted)) {
      violate(`metrics of function ${id} are ${json(shown)}, but the log has ${json(counted)}`)
    }
  }
  for (const id of stored.jobs.keys()) {
    if (!log.jobs.has(id)) violate(`job ${id} is in a page and not in the log`)
  }
}

const NONE: Invocations = { total: 0, successful: 0, failed: 0, cancelled: 0 }

/** Who was cancelled says nothing of the function. */
function plusOne(before: Invocations, { status, code }: LoggedEnd): Invocations {
  if (code === 'CANCELLED') return { ...before, cancelled: before.cancelled + 1 }
  const outcome = status === 'success' ? 'successful' : 'failed'
  return { ...before, total: before.total + 1, [outcome]: before[outcome] + 1 }
}

function figures(journal: Journal, log: LogTruth, runs: ReadonlyMap<number, number>): JobFigures {
  const all = [...log.jobs.values()]
  const endedAs = (code: string) => all.filter(({ ends }) => ends[0]?.code === code)
  const exhausted = endedAs('ATTEMPTS_EXHAUSTED')
  for (const { jobId } of exhausted) {
    if (!log.buried.has(jobId)) journal.violate(`job ${jobId} was exhausted and has no dead letter`)
  }
  let runsMax = 0
  for (const job of all) {
    const started = Math.max(attempts(job), runs.get(job.jobId) ?? 0)
    runsMax = Math.max(runsMax, started)
    if (started > ATTEMPTS_MAX) journal.violate(`job ${job.jobId} was run ${started} times`)
  }
  return {
    accepted: journal.told.size,
    unannounced: all.filter(({ jobId }) => !journal.told.has(jobId)).length,
    ended: all.length,
    retried: all.filter((job) => attempts(job) > 1).length,
    secondEnds: all.reduce((sum, { ends }) => sum + ends.length - 1, 0),
    exhausted: exhausted.length,
    expired: endedAs('EXPIRED').length,
    runsMax,
  }
}

/** The highest attempt that anything says of the job. */
function attempts({ starts, ends }: LoggedJob): number {
  return Math.max(0, ...starts, ...ends.map(({ attempt }) => attempt))
}

interface Shown {
  readonly status: string
  readonly result: unknown
  readonly attempt: unknown
}

const same = (shown: Shown, { status, result, attempt }: LoggedEnd) =>
  shown.status === status &&
  shown.attempt === attempt &&
  JSON.stringify(shown.result) === JSON.stringify(result)

const json = (value: unknown) => JSON.stringify(value)
