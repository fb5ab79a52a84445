/**
 * What the log says about a job whose command was delivered again.
 *
 * Job ids are no subject tokens, so the function's job events since the acceptance are read, headers
 * only: the message id names the job and what happened. It costs time only after a crash, and one
 * reading serves all commands of the function that came back together.
 */
import type { JobHistory } from '#domain/job.ts'
import type { JobAccepted } from '#events/jobs.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { readToEnd, since } from '#events/jetstream/read-to-end.ts'
import { shareReadings } from '#events/jetstream/shared-reading.ts'
import { EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'

const MESSAGE_ID = /^job:(\d+):(?:(end)|(start|return|retry|delay):(\d+))$/

export interface RecordedJob extends JobHistory {
  /** Where the job's end stands on EVENTS; 0: it has none. */
  readonly endSeq: number
}

export const NOTHING: RecordedJob = {
  ...{ ended: false, lastAttempt: 0, returned: 0, failed: 0, lastFailed: 0, lastDelayed: 0 },
  endSeq: 0,
}

type Reading = Map<number, RecordedJob>

export type HistoryOf = (job: JobAccepted) => Promise<RecordedJob>

export function createHistory(bus: Bus): HistoryOf {
  const read = shareReadings((functionId, sinceMs) => readHistory(bus, functionId, sinceMs))

  return async ({ job_id, function_id, accepted_at }) =>
    (await read(function_id, Date.parse(accepted_at))).get(job_id) ?? NOTHING
}

async function readHistory(bus: Bus, functionId: number, sinceMs: number): Promise<Reading> {
  const found: Reading = new Map()
  const options = {
    ...since(sinceMs),
    filter_subjects: filters.jobEventsOf(functionId),
    headers_only: true,
  }
  await readToEnd(bus, EVENTS, options, ({ headers, seq }) => {
    note(found, headers?.get('Nats-Msg-Id') ?? '', seq)
  })
  return found
}

function note(found: Reading, messageId: string, seq: number): void {
  const match = MESSAGE_ID.exec(messageId)
  if (match === null) return
  const jobId = Number(match[1])
  const before = found.get(jobId) ?? NOTHING
  if (match[2] !== undefined) {
    // The first end in stream order is the one that counts.
    if (!before.ended) found.set(jobId, { ...before, ended: true, endSeq: seq })
  } else {
    found.set(jobId, { ...before, ...noted(before, match[3] ?? '', Number(match[4])) })
  }
}

function noted(before: RecordedJob, fact: string, attempt: number): Partial<RecordedJob> {
  if (fact === 'delay') return { lastDelayed: Math.max(before.lastDelayed, attempt) }
  const lastAttempt = Math.max(before.lastAttempt, attempt)
  if (fact === 'return') return { lastAttempt, returned: before.returned + 1 }
  if (fact !== 'retry') return { lastAttempt }
  // Said again beyond the dedupe window, it is the same failure.
  if (attempt <= before.lastFailed) return {}
  return { lastAttempt, failed: before.failed + 1, lastFailed: attempt }
}
