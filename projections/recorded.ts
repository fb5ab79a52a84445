/**
 * A message of the log as the read models want it: known, and proven fit for its columns.
 *
 * Invariants:
 * 1. What passes here cannot fail in the database for its content's sake: ids are safe integers,
 *    times are times, plain text holds no U+0000, figures are finite. All else that users supply
 *    goes into `json` columns.
 * 2. What nobody projects is `undefined` and moves only the position.
 * 3. What claims to be known but is not fit throws `BadMessage`; it never stops what comes behind.
 */
import type { Envelope } from '#events/envelope.ts'
import type { FunctionEvent } from '#events/functions.ts'
import type { JobCached, JobDelayed, JobEvent, RunJob } from '#events/jobs.ts'
import type { SessionEvent } from '#events/sessions.ts'
import type { EVENTS } from '#events/streams.ts'
import { COMMANDS } from '#events/streams.ts'
import type { ApiKeyEvent, ApiKeyUsed } from '#events/api-keys.ts'
import type { ChunkEvent } from '#events/analyses.ts'
import type { UserEvent } from '#events/users.ts'
import {
  BadMessage,
  base64,
  fields,
  figure,
  INT4_MAX,
  text,
  texts,
  time,
  whole,
  type Fields,
} from './fit.ts'

export type Happening =
  | FunctionEvent
  | JobEvent
  | JobCached
  | JobDelayed
  | RunJob
  | SessionEvent
  | UserEvent
  | ApiKeyEvent
  | ApiKeyUsed
  | ChunkEvent

export interface Recorded {
  readonly stream: typeof EVENTS | typeof COMMANDS
  readonly seq: number
  /** The log's own clock, in milliseconds: the same at every replay. */
  readonly at: number
  readonly happening: Happening | undefined
}

/** Narrows `message` to what read models apply. Throws `BadMessage`. */
export function happeningIn(stream: Recorded['stream'], message: Envelope): Happening | undefined {
  const { type } = fields('envelope', message) as unknown as Envelope
  if (stream === COMMANDS) return type === 'job.run' ? runJob(message) : undefined
  switch (type) {
    case 'function.registered':
    case 'function.updated':
      return functionDefined(message)
    case 'function.deleted':
      return functionDeleted(message)
    case 'job.delayed':
      return jobDelayed(message)
    case 'job.started':
      return jobStarted(message)
    case 'job.retrying':
      return jobRetrying(message)
    case 'job.succeeded':
    case 'job.failed':
    case 'job.cancelled':
      return jobEnded(message)
    case 'job.cached':
      return jobCached(message)
    case 'session.initialized':
      return sessionInitialized(message)
    case 'session.closed':
      return sessionClosed(message)
    case 'user.created':
    case 'user.changed':
      return userDefined(message)
    case 'user.deleted':
      return userDeleted(message)
    case 'key.created':
      return keyCreated(message)
    case 'key.revoked':
      return keyTouched(message, 'revoked_at')
    case 'key.used':
      return keyTouched(message, 'used_at')
    case 'analysis.completed':
      return analysisCompleted(message)
    case 'optimization.settled':
      return optimizationSettled(message)
    default:
      return undefined
  }
}

function functionDefined(message: Envelope): Happening {
  const data = fields('data', message.data)
  aggregate(data)
  whole('version', data.version, 1, INT4_MAX)
  const definition = fields('definition', data.definition)
  text('definition.name', definition.name)
  whole('definition.timeout_ms', definition.timeout_ms, 0, INT4_MAX)
  if (definition.max_queue_age !== undefined) {
    whole('definition.max_queue_age', definition.max_queue_age, 0, INT4_MAX)
  }
  time('created_at', data.created_at)
  time('updated_at', data.updated_at)
  return message as Happening
}

function functionDeleted(message: Envelope): Happening {
  const data = fields('data', message.data)
  aggregate(data)
  time('deleted_at', data.deleted_at)
  return message as Happening
}

function runJob(message: Envelope): Happening {
  accepted(fields('data', message.data))
  return message as Happening
}

function jobDelayed(message: Envelope): Happening {
  const data = fields('data', message.data)
  accepted(data)
  whole('attempt', data.attempt, 1, INT4_MAX)
  time('due_at', data.due_at)
  return message as Happening
}

function jobStarted(message: Envelope): Happening {
  const data = fields('data', message.data)
  accepted(data)
  whole('attempt', data.attempt, 1, INT4_MAX)
  time('started_at', data.started_at)
  return message as Happening
}

function jobRetrying(message: Envelope): Happening {
  const data = fields('data', message.data)
  accepted(data)
  whole('attempt', data.attempt, 1, INT4_MAX)
  time('retry_at', data.retry_at)
  fields('error', data.error)
  return message as Happening
}

function jobEnded(message: Envelope): Happening {
  const data = fields('data', message.data)
  accepted(data)
  whole('attempt', data.attempt, 0, INT4_MAX)
  time('finished_at', data.finished_at)
  if (data.duration_ms !== null) figure('duration_ms', data.duration_ms)
  figure('cpu_ms', data.cpu_ms)
  whole('memory_bytes', data.memory_bytes, 0, Number.MAX_SAFE_INTEGER)
  if (!Array.isArray(data.logs)) throw new BadMessage('logs is not a list')
  if (typeof data.logs_truncated !== 'boolean') throw new BadMessage('logs_truncated is not set')
  if (message.type !== 'job.succeeded') fields('error', data.error)
  return message as Happening
}

function jobCached(message: Envelope): Happening {
  const data = fields('data', message.data)
  accepted(data)
  whole('source_job_id', data.source_job_id, 0, Number.MAX_SAFE_INTEGER)
  time('cached_at', data.cached_at)
  return message as Happening
}

function sessionInitialized(message: Envelope): Happening {
  const data = fields('data', message.data)
  aggregate(data)
  text('session_id', data.session_id)
  whole('function_version', data.function_version, 0, INT4_MAX)
  text('language_title', data.language_title)
  const { timeout_ms } = fields('context', data.context)
  whole('context.timeout_ms', timeout_ms, 0, INT4_MAX)
  time('created_at', data.created_at)
  time('expires_at', data.expires_at)
  return message as Happening
}

function sessionClosed(message: Envelope): Happening {
  const data = fields('data', message.data)
  aggregate(data)
  text('session_id', data.session_id)
  text('reason', data.reason)
  time('closed_at', data.closed_at)
  return message as Happening
}

function userDefined(message: Envelope): Happening {
  const data = fields('data', message.data)
  for (const name of ['username', 'owner']) text(name, data[name])
  texts('scopes', data.scopes)
  for (const name of ['created_at', 'updated_at']) time(name, data[name])
  return message as Happening
}

function userDeleted(message: Envelope): Happening {
  text('username', fields('data', message.data).username)
  return message as Happening
}

function keyCreated(message: Envelope): Happening {
  const data = fields('data', message.data)
  for (const name of ['key_id', 'owner', 'username', 'name', 'last_four']) text(name, data[name])
  texts('scopes', data.scopes)
  time('created_at', data.created_at)
  if (data.expires_at !== null) time('expires_at', data.expires_at)
  return message as Happening
}

function keyTouched(message: Envelope, when: 'revoked_at' | 'used_at'): Happening {
  const data = fields('data', message.data)
  text('key_id', data.key_id)
  time(when, data[when])
  return message as Happening
}

function analysisCompleted(message: Envelope): Happening {
  const data = fields('data', message.data)
  for (const name of ['analysis_id', 'owner', 'kind', 'name']) text(name, data[name])
  time('created_at', data.created_at)
  if (data.report !== undefined) {
    fields('report', data.report)
    text('profile_version', data.profile_version)
  }
  if (!Array.isArray(data.chunks)) throw new BadMessage('chunks is not a list')
  if (data.fingerprints !== undefined) fingerprints(data.fingerprints)
  for (const one of data.chunks) {
    const chunk = fields('chunk', one)
    const metrics = fields('metrics', chunk.metrics)
    text('content_hash', chunk.content_hash)
    text('chunk_id', metrics.chunk_id)
    figure('overall_score', metrics.overall_score)
    if (!Array.isArray(chunk.optimizations)) throw new BadMessage('optimizations is not a list')
    for (const found of chunk.optimizations) {
      const optimization = fields('optimization', found)
      for (const name of ['id', 'type', 'priority']) text(name, optimization[name])
      time('created_at', optimization.created_at)
    }
  }
  return message as Happening
}

function fingerprints(all: unknown): void {
  if (!Array.isArray(all)) throw new BadMessage('fingerprints is not a list')
  for (const one of all) {
    if (one === null) continue
    const fingerprint = fields('fingerprint', one)
    for (const name of ['tokens', 'keys']) base64(name, fingerprint[name])
  }
}

function optimizationSettled(message: Envelope): Happening {
  const data = fields('data', message.data)
  for (const name of ['optimization_id', 'owner', 'status']) text(name, data[name])
  time('settled_at', data.settled_at)
  return message as Happening
}

function accepted(data: Fields): void {
  aggregate(data)
  whole('job_id', data.job_id, 0, Number.MAX_SAFE_INTEGER)
  whole('function_version', data.function_version, 0, INT4_MAX)
  text('runtime', data.runtime)
  time('accepted_at', data.accepted_at)
  if (data.run_at !== undefined) time('run_at', data.run_at)
  if (data.scheduled_for !== undefined) time('scheduled_for', data.scheduled_for)
  if (data.session !== undefined) text('session.id', fields('session', data.session).id)
  const { redriven_from } = data
  if (redriven_from !== undefined) whole('redriven_from', redriven_from, 0, Number.MAX_SAFE_INTEGER)
}

function aggregate(data: Fields): void {
  whole('function_id', data.function_id, 0, Number.MAX_SAFE_INTEGER)
  text('owner', data.owner)
}
