/**
 * Read model: jobs, from accepted to their end.
 *
 * Applies the command `job.run` (stored, hence pending), `job.delayed` (pending until its time), and
 * `job.started`, `job.retrying`, `job.succeeded`, `job.failed`, `job.cancelled`, `job.cached`. COMMANDS
 * and EVENTS are read side by side, so an end may come before its command.
 *
 * Invariants:
 * 1. The first end in stream order is the end. Nothing changes a finished row.
 * 2. A status never moves backwards: a start counts only if its attempt is above the row's, and a
 *    command only makes a row where there is none. From its first attempt to its end a job is
 *    running, also while it waits to be tried again; `error` is then that of the last failed run.
 * 3. Within a batch (`applyToJobs`) and across batches (`upsertJobs`) the same rules hold, wherever a
 *    batch is cut. So `started_at` is the latest start that was said, whatever attempt's.
 */
import type {
  JobAccepted,
  JobCached,
  JobDelayed,
  JobEvent,
  JobError,
  JobLogLine,
  JobStatus,
  RunJob,
} from '#events/jobs.ts'
import type { Json } from '#events/json.ts'
import { MOVED } from './checkpoint.ts'
import { column, type Part } from './statement.ts'

export interface JobTable {
  id: number
  function_id: number
  function_version: number
  owner: string
  runtime: JobAccepted['runtime']
  status: JobStatus
  /** 0 while pending. */
  attempt: number
  accepted_at: string
  /** Not before; null: at once. */
  run_at: string | null
  /** The tick of the function's schedule that made it; null: a caller did. */
  scheduled_for: string | null
  redriven_from: number | null
  started_at: string | null
  finished_at: string | null
  duration_ms: number | null
  cpu_ms: number | null
  memory_bytes: number | null
  /** When the attempt after the last failed one is due, or was; null if none failed, and in the end. */
  retry_at: string | null
  /** The day whose counters its end went into; null until then. */
  counted_on: string | null
  /** Failed because somebody asked for it. */
  cancelled: boolean
  logs_truncated: boolean
  input: Json
  result: Json | null
  error: JobError | null
  logs: readonly JobLogLine[]
  session_id: string | null
  /** The job whose result it was answered with; its own is null then. */
  cached_from: number | null
}

export type JobChanges = Map<number, JobTable>

/** `day` is the log's, `YYYY-MM-DD`. */
export function applyToJobs(
  changes: JobChanges,
  happening: JobEvent | JobCached | JobDelayed | RunJob,
  day: string,
): void {
  const { data } = happening
  const before = changes.get(data.job_id)
  if (before !== undefined && before.counted_on !== null) return
  switch (happening.type) {
    case 'job.run':
    case 'job.delayed':
      if (before === undefined) changes.set(data.job_id, pending(data))
      return
    case 'job.started': {
      const { attempt, started_at } = happening.data
      const row = before ?? pending(data)
      const started = isLater(started_at, row.started_at) ? started_at : row.started_at
      if (row.attempt >= attempt) changes.set(row.id, { ...row, started_at: started })
      else changes.set(row.id, { ...row, status: 'running', attempt, started_at: started })
      return
    }
    case 'job.retrying': {
      const { attempt, error, retry_at } = happening.data
      const row = before ?? pending(data)
      if (row.attempt > attempt || !isLater(retry_at, row.retry_at)) return
      changes.set(row.id, { ...row, status: 'running', attempt, error, retry_at })
      return
    }
    case 'job.succeeded':
    case 'job.failed':
    case 'job.cancelled': {
      const { attempt, finished_at, duration_ms, cpu_ms, memory_bytes, logs } = happening.data
      const row = before ?? pending(data)
      changes.set(row.id, {
        ...row,
        status: happening.type === 'job.succeeded' ? 'success' : 'failed',
        attempt,
        started_at: startOf(finished_at, duration_ms) ?? row.started_at,
        finished_at,
        duration_ms,
        cpu_ms,
        memory_bytes,
        counted_on: day,
        retry_at: null,
        result: happening.type === 'job.succeeded' ? happening.data.result : null,
        error: happening.type === 'job.succeeded' ? null : happening.data.error,
        cancelled: happening.type === 'job.cancelled',
        logs,
        logs_truncated: happening.data.logs_truncated,
      })
      return
    }
    case 'job.cached': {
      const { cached_at, source_job_id } = happening.data
      changes.set(data.job_id, {
        ...(before ?? pending(data)),
        ...{ status: 'success', attempt: 0, retry_at: null, error: null },
        finished_at: cached_at,
        cpu_ms: 0,
        memory_bytes: 0,
        counted_on: day,
        cached_from: source_job_id,
      })
      return
    }
    default:
      happening satisfies never
  }
}

function pending(data: JobAccepted): JobTable {
  return {
    id: data.job_id,
    function_id: data.function_id,
    function_version: data.function_version,
    owner: data.owner,
    runtime: data.runtime,
    status: 'pending',
    attempt: 0,
    accepted_at: data.accepted_at,
    run_at: data.run_at ?? null,
    scheduled_for: data.scheduled_for ?? null,
    redriven_from: data.redriven_from ?? null,
    started_at: null,
    finished_at: null,
    duration_ms: null,
    cpu_ms: null,
    memory_bytes: null,
    retry_at: null,
    counted_on: null,
    cancelled: false,
    logs_truncated: false,
    input: data.input,
    result: null,
    error: null,
    logs: [],
    session_id: data.session?.id ?? null,
    cached_from: null,
  }
}

function isLater(at: string, before: string | null): boolean {
  return before === null || Date.parse(at) > Date.parse(before)
}

/** Most jobs are so short that nobody said when they started; the end knows it. */
function startOf(finishedAt: string, durationMs: number | null): string | undefined {
  if (durationMs === null) return undefined
  return new Date(Date.parse(finishedAt) - durationMs).toISOString()
}

/** `null` is a result too, other than none. */
const hasResult = ({ status, cached_from }: JobTable) =>
  status === 'success' && cached_from === null

export const CHANGED = 'changed'

/** Returns the rows that it made or changed; those with `counted_on` have just come to their end. */
export function upsertJobs(changes: JobChanges): Part {
  const rows = [...changes.values()]
  return {
    name: CHANGED,
    values: [
      column(rows.map((row) => row.id)),
      column(rows.map((row) => row.function_id)),
      column(rows.map((row) => row.function_version)),
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.runtime)),
      column(rows.map((row) => row.status)),
      column(rows.map((row) => row.attempt)),
      column(rows.map((row) => row.accepted_at)),
      column(rows.map((row) => row.started_at)),
      column(rows.map((row) => row.finished_at)),
      column(rows.map((row) => row.duration_ms)),
      column(rows.map((row) => row.cpu_ms)),
      column(rows.map((row) => row.memory_bytes)),
      column(rows.map((row) => row.counted_on)),
      column(rows.map((row) => row.logs_truncated)),
      column(rows.map((row) => JSON.stringify(row.input))),
      column(rows.map((row) => (hasResult(row) ? JSON.stringify(row.result) : null))),
      column(rows.map((row) => (row.error === null ? null : JSON.stringify(row.error)))),
      column(rows.map((row) => JSON.stringify(row.logs))),
      column(rows.map((row) => row.cancelled)),
      column(rows.map((row) => row.run_at)),
      column(rows.map((row) => row.scheduled_for)),
      column(rows.map((row) => row.session_id)),
      column(rows.map((row) => row.cached_from)),
      column(rows.map((row) => row.redriven_from)),
      column(rows.map((row) => row.retry_at)),
    ],
    sql: ($) => `
      insert into jobs as j
        (id, function_id, function_version, owner, runtime, status, attempt, accepted_at,
         started_at, finished_at, duration_ms, cpu_ms, memory_bytes, counted_on, logs_truncated,
         input, result, error, logs, cancelled, run_at, scheduled_for, session_id, cached_from,
         redriven_from, retry_at)
      select r.* from ${MOVED}, unnest(
        ${$(1)}::bigint[], ${$(2)}::bigint[], ${$(3)}::integer[], ${$(4)}::text[],
        ${$(5)}::text[], ${$(6)}::text[], ${$(7)}::integer[], ${$(8)}::timestamptz[],
        ${$(9)}::timestamptz[], ${$(10)}::timestamptz[], ${$(11)}::float8[], ${$(12)}::float8[],
        ${$(13)}::bigint[], ${$(14)}::date[], ${$(15)}::boolean[],
        ${$(16)}::json[], ${$(17)}::json[], ${$(18)}::json[], ${$(19)}::json[],
        ${$(20)}::boolean[], ${$(21)}::timestamptz[], ${$(22)}::timestamptz[],
        ${$(23)}::text[], ${$(24)}::bigint[], ${$(25)}::bigint[], ${$(26)}::timestamptz[]) r
      on conflict (id) do update set
        status = excluded.status,
        attempt = case when excluded.counted_on is not null then excluded.attempt
          else greatest(excluded.attempt, j.attempt) end,
        started_at = case when excluded.duration_ms is not null then excluded.started_at
          else greatest(excluded.started_at, j.started_at) end,
        finished_at = excluded.finished_at, duration_ms = excluded.duration_ms,
        cpu_ms = excluded.cpu_ms, memory_bytes = excluded.memory_bytes,
        counted_on = excluded.counted_on, logs_truncated = excluded.logs_truncated,
        result = excluded.result, logs = excluded.logs,
        cancelled = excluded.cancelled, cached_from = excluded.cached_from,
        error = case when excluded.counted_on is not null then excluded.error
          when excluded.attempt < j.attempt then j.error
          else coalesce(excluded.error, j.error) end,
        retry_at = case when excluded.counted_on is not null then null
          when excluded.attempt < j.attempt then j.retry_at
          else coalesce(excluded.retry_at, j.retry_at) end
      where j.counted_on is null
        and (excluded.counted_on is not null or excluded.attempt > j.attempt
          or excluded.started_at > coalesce(j.started_at, '-infinity')
          or (excluded.attempt = j.attempt
            and excluded.retry_at > coalesce(j.retry_at, '-infinity')))
      returning function_id, owner, status, cancelled, duration_ms, cpu_ms, memory_bytes,
        counted_on, session_id, accepted_at`,
  }
}
