/** What happened to a job, told for people: one entry for each type of event. */
import type { Envelope } from '#events/envelope.ts'
import type { JobErrorCode } from '#events/jobs.ts'

export interface Step {
  /** ISO 8601. */
  readonly at: string
  readonly what: string
  readonly [detail: string]: unknown
}

type Data = Readonly<Record<string, unknown>>

interface Told {
  readonly what: string
  /** Fields of the event that say why. */
  readonly details: readonly string[]
}

const RUN = ['attempt', 'duration_ms', 'cpu_ms', 'memory_bytes']

/** By type of event. What is not in here is told by its type alone. */
const STEPS: Readonly<Record<string, Told>> = {
  'job.delayed': { what: 'held back until its time', details: ['due_at', 'attempt', 'run_at'] },
  'job.started': { what: 'started', details: ['attempt'] },
  'job.returned': { what: 'returned without having run', details: ['attempt', 'reason'] },
  'job.retrying': { what: 'to be tried again', details: ['attempt', 'retry_at', 'error'] },
  'job.cached': { what: 'answered from the cache', details: ['source_job_id'] },
  'job.succeeded': { what: 'succeeded', details: RUN },
  'job.failed': { what: 'failed', details: [...RUN, 'error'] },
  'job.cancelled': { what: 'cancelled', details: [...RUN, 'error'] },
}

/** What an acceptance says of where the job came from. */
const ORIGINS = ['run_at', 'scheduled_for', 'session', 'redriven_from']

export function stepOf({ type, time, data }: Envelope): Step {
  const { what, details } = STEPS[type] ?? { what: type, details: [] }
  return { at: time, what, ...picked(data as Data, details) }
}

export function originOf(data: object): Data {
  return picked(data as Data, ORIGINS)
}

function picked(data: Data, names: readonly string[]): Data {
  const told = names.filter((name) => data[name] !== undefined && data[name] !== null)
  return Object.fromEntries(told.map((name) => [name, short(data[name])]))
}

/** An error's stack is in the job itself. */
function short(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('stack' in value)) return value
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'stack'))
}

/** Why a job failed, as a sentence goes on after "It failed: ". */
export const REASONS: Readonly<Partial<Record<JobErrorCode, string>>> = {
  TIMEOUT: 'its run took longer than its time-out, and was stopped',
  MEMORY_LIMIT: 'its run took more memory than it may',
  OUTPUT_LIMIT: 'its result was larger than it may be',
  RUNTIME_ERROR: 'its code raised an error',
  ATTEMPTS_EXHAUSTED: 'each of its attempts was lost with the process or machine that ran it',
  EXPIRED: 'nobody ran it in time',
  UNREADABLE: 'what was accepted could not be read any more',
}
