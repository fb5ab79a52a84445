/** Messages as the other processes say them. */
import { apiKeyMessageId, type ApiKey } from '#events/api-keys.ts'
import type { Definition } from '#events/functions.ts'
import { functionMessageId } from '#events/functions.ts'
import { jobMessageId, type JobAccepted, type JobError } from '#events/jobs.ts'
import type { Json } from '#events/json.ts'
import { sessionMessageId, type CloseReason } from '#events/sessions.ts'
import { subjects } from '#events/subjects.ts'
import { userMessageId, type User } from '#events/users.ts'
import { AT, OWNER, said, type Said } from './fixture.ts'

export const later = (milliseconds: number) => new Date(Date.parse(AT) + milliseconds).toISOString()

export function definition(changes: Partial<Definition> = {}): Definition {
  return {
    name: 'echo',
    runtime: 'python',
    code: 'def handler(event): return event',
    execution_type: 'sync',
    timeout_ms: 30_000,
    memory_mb: 128,
    ...changes,
  }
}

export function defined(id: number, version = 1, changes: Partial<Definition> = {}): Said {
  const fact = version === 1 ? 'registered' : 'updated'
  return {
    subject: subjects.functionEvent(id, fact),
    message: said(functionMessageId.version(id, version), `function.${fact}`, String(id), {
      function_id: id,
      owner: OWNER,
      version,
      definition: definition({ name: `echo-${id}`, ...changes }),
      created_at: AT,
      updated_at: later(version - 1),
    }),
  }
}

export function deleted(id: number, version = 1): Said {
  return {
    subject: subjects.functionEvent(id, 'deleted'),
    message: said(functionMessageId.deleted(id), 'function.deleted', String(id), {
      function_id: id,
      owner: OWNER,
      version,
      name: `echo-${id}`,
      runtime: 'python',
      deleted_at: later(1_000),
    }),
  }
}

export function accepted(job: number, fn = 1, changes: Partial<JobAccepted> = {}): JobAccepted {
  return {
    job_id: job,
    function_id: fn,
    function_version: 1,
    runtime: 'python',
    owner: OWNER,
    input: { job },
    accepted_at: later(job),
    ...changes,
  }
}

export function run(job: number, fn = 1, changes: Partial<JobAccepted> = {}): Said {
  return {
    subject: subjects.runJob('python', fn),
    message: said(jobMessageId.run(job), 'job.run', String(fn), {
      ...accepted(job, fn, changes),
      definition_seq: 1,
    }),
  }
}

/** Accepted for `run_at`, which is in `changes`. */
export function delayed(job: number, fn = 1, changes: Partial<JobAccepted> = {}): Said {
  return {
    subject: subjects.jobEvent(fn, 'delayed'),
    message: said(jobMessageId.delay(job, 1), 'job.delayed', String(fn), {
      ...accepted(job, fn, changes),
      definition_seq: 1,
      attempt: 1,
      due_at: changes.run_at ?? AT,
    }),
  }
}

export function started(
  job: number,
  fn = 1,
  attempt = 1,
  changes: Partial<JobAccepted> = {},
): Said {
  return {
    subject: subjects.jobEvent(fn, 'started'),
    message: said(jobMessageId.start(job, attempt), 'job.started', String(fn), {
      ...accepted(job, fn, changes),
      attempt,
      started_at: later(job + 100 * attempt),
    }),
  }
}

const spent = {
  attempt: 1,
  duration_ms: 2.5,
  cpu_ms: 1.25,
  memory_bytes: 4_096,
  logs: [],
  logs_truncated: false,
}

export interface EndChanges extends Partial<JobAccepted> {
  readonly result?: Json
  readonly error?: JobError
  readonly [key: string]: unknown
}

export function succeeded(job: number, fn = 1, changes: EndChanges = {}): Said {
  return {
    subject: subjects.jobEvent(fn, 'succeeded'),
    message: said(jobMessageId.end(job), 'job.succeeded', String(fn), {
      ...accepted(job, fn),
      ...spent,
      finished_at: later(job + 1_000),
      result: { echoed: job },
      ...changes,
    }),
  }
}

export function failed(job: number, fn = 1, changes: EndChanges = {}): Said {
  return {
    subject: subjects.jobEvent(fn, 'failed'),
    message: said(jobMessageId.end(job), 'job.failed', String(fn), {
      ...accepted(job, fn),
      ...spent,
      finished_at: later(job + 1_000),
      error: { code: 'RUNTIME_ERROR', message: 'boom' },
      ...changes,
    }),
  }
}

export function cancelled(job: number, fn = 1, changes: EndChanges = {}): Said {
  return {
    subject: subjects.jobEvent(fn, 'cancelled'),
    message: said(jobMessageId.end(job), 'job.cancelled', String(fn), {
      ...accepted(job, fn),
      ...spent,
      duration_ms: null,
      finished_at: later(job + 1_000),
      error: { code: 'CANCELLED', message: 'The job was cancelled.' },
      ...changes,
    }),
  }
}

export function retrying(job: number, fn = 1, attempt = 1, retry_at = later(attempt)): Said {
  return {
    subject: subjects.jobEvent(fn, 'retrying'),
    message: said(jobMessageId.retry(job, attempt), 'job.retrying', String(fn), {
      ...accepted(job, fn),
      attempt,
      failed_at: later(job),
      error: { code: 'RUNTIME_ERROR', message: `boom ${attempt}` },
      retry_at,
    }),
  }
}

export const SESSION = 'f8c3de3d-1234-5678-9abc-def012345678'

export const ofSession = (id = SESSION, timeout_ms = 1_000) => ({
  session: {
    id,
    context: { timeout_ms, retain_session: false },
    expires_at: later(7_200_000),
  },
})

export function initialized(id = SESSION, fn = 1, created_at = AT, timeout_ms?: number): Said {
  return {
    subject: subjects.sessionEvent(fn, 'initialized'),
    message: said(sessionMessageId.initialized(id), 'session.initialized', String(fn), {
      ...{ session_id: id, owner: OWNER, function_id: fn, function_version: 1, definition_seq: 1 },
      ...{
        runtime: 'python',
        language_title: `python-echo-${fn}`,
        ...ofSession(id, timeout_ms).session,
      },
      ...{ created_at, expires_at: later(7_200_000) },
    }),
  }
}

export function closed(id = SESSION, fn = 1, reason: CloseReason = 'closed'): Said {
  return {
    subject: subjects.sessionEvent(fn, 'closed'),
    message: said(sessionMessageId.closed(id), 'session.closed', String(fn), {
      ...{ session_id: id, owner: OWNER, function_id: fn, reason, closed_at: later(5_000) },
    }),
  }
}

export function cached(job: number, source: number, fn = 1, changes: EndChanges = {}): Said {
  return {
    subject: subjects.jobEvent(fn, 'cached'),
    message: said(jobMessageId.end(job), 'job.cached', String(fn), {
      ...accepted(job, fn),
      source_job_id: source,
      cached_at: later(job + 1),
      ...changes,
    }),
  }
}

/** The same message under another dedupe id, as after the server's window. */
export const again = (repeated: Said, nth = 1): Said => ({
  ...repeated,
  id: `${repeated.message.id}:again:${nth}`,
})

export function userSaid(name: string, version = 1, changes: Partial<User> = {}): Said {
  const fact = version === 1 ? 'created' : 'changed'
  return {
    subject: subjects.userEvent(name, fact),
    message: said(userMessageId.version(name, version), `user.${fact}`, name, {
      username: name,
      owner: name,
      scopes: ['read:functions'],
      password_hash: '$argon2id$',
      version,
      created_at: AT,
      updated_at: later(version),
      ...changes,
    }),
  }
}

export function userDeleted(name: string, version: number): Said {
  return {
    subject: subjects.userEvent(name, 'deleted'),
    message: said(userMessageId.version(name, version), 'user.deleted', name, {
      username: name,
      owner: name,
      version,
      deleted_at: later(version),
    }),
  }
}

export function keyCreated(id: string, changes: Partial<ApiKey> = {}): Said {
  return {
    subject: subjects.apiKeyEvent(id, 'created'),
    message: said(apiKeyMessageId.created(id), 'key.created', id, {
      key_id: id,
      owner: OWNER,
      username: 'ada',
      name: `key "${id}"`,
      scopes: ['execute:all', 'jobs:read'],
      last_four: 'x\\y"',
      secret_hash: 'hash',
      created_at: AT,
      expires_at: null,
      ...changes,
    }),
  }
}

export function keyRevoked(id: string): Said {
  return {
    subject: subjects.apiKeyEvent(id, 'revoked'),
    message: said(apiKeyMessageId.revoked(id), 'key.revoked', id, {
      key_id: id,
      owner: OWNER,
      revoked_at: later(5_000),
    }),
  }
}

export function keyUsed(id: string, minute: number): Said {
  const used_at = later(minute * 60_000)
  return {
    subject: subjects.apiKeyUsed(id),
    message: said(apiKeyMessageId.used(id, Date.parse(used_at)), 'key.used', id, {
      key_id: id,
      used_at,
    }),
  }
}
