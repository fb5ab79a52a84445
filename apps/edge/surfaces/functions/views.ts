/**
 * The functions API's own shapes. Source: `Function`, `Job` and the metrics of its document; our
 * extra fields come after the document's.
 */
import type { Definition } from '#events/functions.ts'
import type { JobReplyEnd } from '#events/replies.ts'
import type { FunctionMetrics } from '#projections/function-metrics.ts'
import type { FunctionVersionRow } from '#projections/function-versions.ts'
import type { JobRow, JobSummary } from '#projections/job-queries.ts'
import { scheduleView } from './schedules.ts'
import type { AcceptedJob as Accepted } from '../../jobs/invoked.ts'
import type { AcceptedJob, EndedJob, JobDetails, JobView } from './job-schemas.ts'
import type { FunctionView, MetricsView } from './schemas.ts'

const BYTES_PER_MB = 1024 ** 2

export interface VersionOfFunction {
  readonly id: number
  readonly version: number
  readonly definition: Definition
  readonly created_at: string
  readonly updated_at: string
}

export function functionView(row: VersionOfFunction): FunctionView {
  const { id, version, definition, created_at, updated_at } = row
  const { name, runtime, code, execution_type, ...rest } = definition
  const document = { id, name, runtime, code, execution_type, created_at, updated_at }
  const { description = null, timeout_ms, memory_mb, schema = null, examples = [], env = {} } = rest
  const { retry = null, concurrency = null, max_queue_age = null, max_queue_depth = null } = rest
  return {
    ...document,
    ...{ version, description, timeout_ms, memory_mb, schema, examples, env },
    ...{ retry, concurrency, max_queue_age, max_queue_depth },
    schedule: scheduleView(definition.schedule, Date.now()),
  }
}

/** A version never changes, so it was updated when it was made. */
export function versionView({
  function_id: id,
  version,
  definition,
  created_at,
}: FunctionVersionRow): FunctionView {
  return functionView({ id, version, definition, created_at, updated_at: created_at })
}

export function jobView(row: JobSummary): JobView {
  const { id, function_id, status, result, accepted_at: timestamp, duration_ms: duration } = row
  const { function_version, runtime, attempt, error, cancelled, retry_at } = row
  const { started_at, finished_at, run_at, scheduled_for, session_id, cached_from } = row
  const trigger: JobView['trigger'] = scheduled_for === null ? 'invoke' : 'schedule'
  const document = { id, function_id, status, result, timestamp, duration }
  const run = { attempt, error, cancelled, retry_at, started_at, finished_at }
  const asked = {
    run_at,
    trigger,
    scheduled_for,
    session_id,
    cached_from,
    redriven_from: row.redriven_from,
  }
  return { ...document, function_version, runtime, ...run, ...asked }
}

export function jobDetails(row: JobRow): JobDetails {
  return { ...jobView(row), input: row.input }
}

/** A job that the caller has just waited for. */
export function endedJobView(end: JobReplyEnd): EndedJob {
  const { job_id: id, function_id, accepted_at: timestamp, duration_ms: duration } = end
  const { result = null, error = null, function_version, attempt, finished_at } = end
  const status = end.error === undefined ? ('success' as const) : ('failed' as const)
  const document = { id, function_id, status, result, timestamp, duration }
  const cancelled = error?.code === 'CANCELLED'
  return { ...document, function_version, attempt, error, cancelled, finished_at }
}

export function acceptedJobView(job: Accepted): AcceptedJob {
  const { job_id: id, function_id, accepted_at: timestamp, function_version, run_at } = job
  const { queue_position, expected_start } = job
  const document = { id, function_id, status: 'pending' as const, timestamp }
  const nothingYet = { result: null, duration: null }
  const queued = { queue_position, expected_start, ...(run_at !== undefined && { run_at }) }
  return { ...document, ...nothingYet, function_version, cancelled: false, ...queued }
}

/** In the document's units: `120ms`, `70%`, `256MB`. */
export function metricsView(metrics: FunctionMetrics): MetricsView {
  const { total, successful, failed, cancelled, success_rate } = metrics
  return {
    invocations: { total, successful, failed, cancelled },
    success_rate: round(success_rate, 2),
    avg_execution_time: `${round(metrics.avg_duration_ms, 2)}ms`,
    cpu_usage: `${round(metrics.cpu_percent, 1)}%`,
    memory_usage: `${round(metrics.memory_bytes / BYTES_PER_MB, 1)}MB`,
  }
}

const round = (value: number, digits: number) => Number(value.toFixed(digits))
