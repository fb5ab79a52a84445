/**
 * Whether a delayed job has become a command before, as the log tells: its command is still there,
 * or something has happened to that attempt. Headers only; one reading serves all jobs of a function
 * that are asked about together, as they are when everything was down for a while.
 */
import { DeliverPolicy } from '@nats-io/jetstream'
import type { JobDelayed } from '../jobs.ts'
import { COMMANDS, EVENTS } from '../streams.ts'
import { filters } from '../subjects.ts'
import type { Bus } from './bus.ts'
import { readToEnd } from './read-to-end.ts'

const MESSAGE_ID = /^job:(\d+):(?:(end)|(?:run|start|return|retry)(?::(\d+))?)$/
/** Clocks of the machines may differ by so much. */
const CLOCK_SLACK_MS = 60_000

export type HasFired = (due: JobDelayed) => Promise<boolean>

/** The highest attempt that the log knows of, by job; Infinity: it has ended. */
type Reading = Map<number, number>

export function createFired(bus: Bus): HasFired {
  const current = new Map<number, { since: number; reading: Promise<Reading> }>()

  return async ({ data: { job_id, function_id, attempt, due_at } }) => {
    const since = Date.parse(due_at)
    let shared = current.get(function_id)
    if (shared === undefined || shared.since > since) {
      const mine = { since, reading: read(bus, function_id, since) }
      shared = mine
      current.set(function_id, mine)
      const forget = () => {
        if (current.get(function_id) === mine) current.delete(function_id)
      }
      mine.reading.then(forget, forget)
    }
    return ((await shared.reading).get(job_id) ?? 0) >= attempt
  }
}

async function read(bus: Bus, functionId: number, sinceMs: number): Promise<Reading> {
  const found: Reading = new Map()
  const places = [
    [COMMANDS, filters.runJobsOf(functionId)],
    [EVENTS, filters.jobEventsOf(functionId)],
  ] as const
  for (const [stream, filter_subjects] of places) {
    const options = {
      filter_subjects,
      deliver_policy: DeliverPolicy.StartTime,
      opt_start_time: new Date(sinceMs - CLOCK_SLACK_MS).toISOString(),
      headers_only: true,
    }
    await readToEnd(bus, stream, options, ({ headers }) => {
      const [matched, id, end, attempt = '1'] =
        MESSAGE_ID.exec(headers?.get('Nats-Msg-Id') ?? '') ?? []
      if (matched === undefined) return
      const jobId = Number(id)
      const known = end === undefined ? Number(attempt) : Infinity
      found.set(jobId, Math.max(known, found.get(jobId) ?? 0))
    })
  }
  return found
}
