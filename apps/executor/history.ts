/**
 * What the log says about a job whose command was delivered again.
 *
 * Job ids are no subject tokens, so the function's job events since the acceptance are read, headers
 * only: the message id names the job and what happened. It costs time only after a crash, and one
 * reading serves all commands of the function that came back together.
 */
import { DeliverPolicy } from '@nats-io/jetstream'
import type { JobHistory } from '#domain/job.ts'
import type { JobAccepted } from '#events/jobs.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'

const MESSAGE_ID = /^job:(\d+):(?:(end)|start:(\d+))$/
/** Clocks of edge and NATS server may differ by so much. */
const CLOCK_SLACK_MS = 60_000
const READ_EXPIRES_MS = 5_000

export interface RecordedJob extends JobHistory {
  /** Where the job's end stands on EVENTS; 0: it has none. */
  readonly endSeq: number
}

const NOTHING: RecordedJob = { ended: false, lastAttempt: 0, endSeq: 0 }

type Reading = Map<number, RecordedJob>

export type HistoryOf = (job: JobAccepted) => Promise<RecordedJob>

export function createHistory(bus: Bus): HistoryOf {
  const current = new Map<number, { since: number; reading: Promise<Reading> }>()

  return async ({ job_id, function_id, accepted_at }) => {
    const since = Date.parse(accepted_at)
    let shared = current.get(function_id)
    if (shared === undefined || shared.since > since) {
      const reading = readHistory(bus, function_id, since)
      shared = { since, reading }
      const mine = shared
      current.set(function_id, mine)
      const forget = () => {
        if (current.get(function_id) === mine) current.delete(function_id)
      }
      reading.then(forget, forget)
    }
    return (await shared.reading).get(job_id) ?? NOTHING
  }
}

async function readHistory(bus: Bus, functionId: number, sinceMs: number): Promise<Reading> {
  const consumer = await bus.js.consumers.get(EVENTS, {
    filter_subjects: filters.jobEventsOf(functionId),
    deliver_policy: DeliverPolicy.StartTime,
    opt_start_time: new Date(sinceMs - CLOCK_SLACK_MS).toISOString(),
    headers_only: true,
  })
  const found: Reading = new Map()
  let pending = (await consumer.info(true)).num_pending
  while (pending > 0) {
    const batch = await consumer.fetch({ max_messages: 1_000, expires: READ_EXPIRES_MS })
    let read = 0
    for await (const message of batch) {
      read++
      pending = message.info.pending
      note(found, message.headers?.get('Nats-Msg-Id') ?? '', message.seq)
      if (pending === 0) break
    }
    // What was pending may have expired meanwhile.
    if (read === 0) pending = (await consumer.info()).num_pending
  }
  await consumer.delete()
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
    const lastAttempt = Math.max(before.lastAttempt, Number(match[3]))
    found.set(jobId, { ...before, lastAttempt })
  }
}
