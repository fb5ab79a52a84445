/** Why a job is what it is: one sentence, the chain of events behind it, and the limits it met. */
import type { Definition } from '#events/functions.ts'
import type { SessionOfJob } from '#events/sessions.ts'
import type { JobRow } from '#projections/job-queries.ts'
import type { JobEvents } from './job-events.ts'
import { originOf, REASONS, stepOf, type Step } from './steps.ts'
import type { Waiting } from './waiting.ts'

export interface Known {
  readonly row: JobRow
  /** Of the version that it was accepted with; undefined: nobody knows it any more. */
  readonly definition: Definition | undefined
  readonly told: JobEvents
  /** Of a pending job. */
  readonly waiting: Waiting | undefined
  /** Of functions that do not say. */
  readonly concurrency: number
}

export function explanationOf(known: Known) {
  const { row, definition, told, waiting } = known
  const chain = chainOf(known)
  return {
    id: row.id,
    function_id: row.function_id,
    status: row.status,
    summary: summaryOf(known, chain),
    chain,
    complete: told.complete,
    ...(definition !== undefined && { limits: limitsOf(known, definition) }),
    ...(waiting !== undefined && { waiting }),
  }
}

function chainOf({ row, told: { events } }: Known): Step[] {
  const { accepted_at, function_version, runtime, attempt, started_at, finished_at } = row
  const origin = originOf({ ...row, ...(events[0]?.data as object | undefined) })
  const steps = events.map(stepOf)
  const isTold = (type: RegExp) => events.some((event) => type.test(event.type))
  // Short runs do not say when they start, and what ended long ago is known by its row alone.
  if (started_at !== null && !isTold(/^job\.started$/)) {
    steps.push({ at: started_at, what: 'started', attempt })
  }
  if (finished_at !== null && !isTold(/^job\.(succeeded|failed|cancelled|cached)$/)) {
    const { duration_ms, error } = row
    const type = row.status === 'success' ? 'job.succeeded' : 'job.failed'
    steps.push({ ...stepOf(endOf(type, finished_at, { attempt, duration_ms, error })) })
  }
  steps.sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
  return [{ at: accepted_at, what: 'accepted', function_version, runtime, ...origin }, ...steps]
}

function endOf(type: string, time: string, data: object) {
  const envelope = { specversion: '1.0', id: '', source: '', version: 1, subject: '' } as const
  return { ...envelope, correlationid: '', type, time, data }
}

/** Those of our own that a function may have. */
const OPTIONAL_LIMITS = ['retry', 'max_queue_age', 'max_queue_depth'] as const

interface OfSession {
  /** The sweeper, who says some ends, knows but its id. */
  readonly session?: Partial<SessionOfJob>
}

function limitsOf({ told, ...known }: Known, definition: Definition) {
  const { memory_mb, concurrency = known.concurrency } = definition
  const { session } = (told.events[0]?.data ?? {}) as OfSession
  // A session's own holds, whatever the function says.
  const { timeout_ms } = session?.context ?? definition
  const optional = OPTIONAL_LIMITS.filter((name) => definition[name] !== undefined)
  return {
    ...{ concurrency, timeout_ms, memory_mb },
    ...Object.fromEntries(optional.map((name) => [name, definition[name]])),
  }
}

function summaryOf(known: Known, chain: readonly Step[]): string {
  const { row } = known
  switch (row.status) {
    case 'pending':
      return whyItWaits(known, chain)
    case 'running':
      return whyItRuns(row)
    case 'success': {
      const source = chain.find((step) => 'source_job_id' in step)?.['source_job_id']
      if (typeof source === 'number')
        return `It came from the cache: its result is that of job ${source}.`
      return `It ran to its end in ${shown(row.duration_ms ?? 0)} ms, at attempt ${row.attempt}.`
    }
    case 'failed':
      return whyItFailed(row)
  }
}

/** A run of less than a millisecond took some time all the same. */
const shown = (ms: number) => (ms < 10 ? Number(ms.toPrecision(2)) : Math.round(ms))

function whyItRuns({ attempt, started_at, retry_at, error }: JobRow): string {
  if (retry_at === null || Date.parse(retry_at) < Date.now()) {
    return `It runs: attempt ${attempt}, since ${started_at}.`
  }
  return `It waits to be tried again at ${retry_at}: attempt ${attempt} failed with ${error?.code}.`
}

function whyItFailed({ error }: JobRow): string {
  if (error?.code === 'CANCELLED') return `It was cancelled: ${error?.message}`
  const reason = error === null ? undefined : REASONS[error.code]
  return `It failed: ${reason ?? error?.code}. ${error?.message ?? ''}`.trim()
}

function whyItWaits({ row: { runtime }, waiting }: Known, chain: readonly Step[]): string {
  const last = chain.at(-1)
  const due = last?.['due_at']
  if (typeof due === 'string' && Date.parse(due) > Date.now())
    return `It waits for its time: ${due}.`
  if (waiting === undefined) return 'It waits, and its function has no queue any more.'
  const { executors, in_flight, concurrency, ahead } = waiting
  if (executors.present === 0) return 'It waits: no executor is here.'
  if (executors.able === 0) {
    return `It waits: no executor here can run ${runtime}: ${executors.reason}.`
  }
  if (last?.what.startsWith('returned')) {
    return `It waits to be taken again: it was returned because of ${String(last['reason'])}.`
  }
  if (in_flight >= concurrency && ahead !== null) {
    return (
      `It waits for its turn: ${in_flight} of at most ${concurrency} runs of its function are in ` +
      `flight, and ${ahead} jobs are ahead of it.`
    )
  }
  return ahead === null
    ? 'It was handed to an executor, and waits there to be started.'
    : `It is about to run: ${ahead} jobs are ahead of it.`
}
