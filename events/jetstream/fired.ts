/**
 * Whether a delayed job has become a command before, as the log tells: its command is still there,
 * or something has happened to that attempt. Headers only; one reading serves all jobs of a function
 * that are asked about together, as they are when everything was down for a while.
 */
import type { JobDelayed } from '../jobs.ts'
import { COMMANDS, EVENTS } from '../streams.ts'
import { filters } from '../subjects.ts'
import type { Bus } from './bus.ts'
import { readToEnd, since } from './read-to-end.ts'
import { shareReadings } from './shared-reading.ts'

const MESSAGE_ID = /^job:(\d+):(?:(end)|(?:run|start|return|retry)(?::(\d+))?)$/

export type HasFired = (due: JobDelayed) => Promise<boolean>

/** The highest attempt that the log knows of, by job; Infinity: it has ended. */
type Reading = Map<number, number>

export function createFired(bus: Bus): HasFired {
  const readShared = shareReadings((functionId, sinceMs) => read(bus, functionId, sinceMs))

  return async ({ data: { job_id, function_id, attempt, due_at } }) =>
    ((await readShared(function_id, Date.parse(due_at))).get(job_id) ?? 0) >= attempt
}

async function read(bus: Bus, functionId: number, sinceMs: number): Promise<Reading> {
  const found: Reading = new Map()
  const places = [
    [COMMANDS, filters.runJobsOf(functionId)],
    [EVENTS, filters.jobEventsOf(functionId)],
  ] as const
  for (const [stream, filter_subjects] of places) {
    const options = { ...since(sinceMs), filter_subjects, headers_only: true }
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
