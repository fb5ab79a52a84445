/** What each message carries, for instance: its type has an example, or this does not compile. */
import { ANALYSIS_OPTIONS } from '#events/chunks.ts'
import type { Told, ToldType } from '#events/catalogue.ts'

type DataOf<Name extends ToldType> = Extract<Told, { readonly type: Name }>['data']

const AT = '2026-03-14T09:26:53.589Z'
const LATER = '2026-03-14T09:27:03.589Z'
const SESSION_ID = '2f9d1c9e-6d0b-4a53-9d38-0c1f7e7f1b52'
const HASH = '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA'

const ofFunction = { function_id: 7, owner: 'local' }
const definition = {
  name: 'double',
  runtime: 'nodejs',
  code: 'function handler(event) { return { doubled: event.n * 2 } }',
  execution_type: 'async',
} as const
const version = {
  ...ofFunction,
  version: 1,
  definition: { ...definition, timeout_ms: 30_000, memory_mb: 128 },
  created_at: AT,
  updated_at: AT,
}
const named = { ...ofFunction, name: 'double' }

const accepted = {
  job_id: 42,
  ...ofFunction,
  function_version: 1,
  runtime: 'nodejs',
  input: { n: 21 },
  accepted_at: AT,
} as const
const run = { ...accepted, definition_seq: 3 }
const ended = {
  ...accepted,
  attempt: 1,
  finished_at: LATER,
  duration_ms: 3.4,
  cpu_ms: 2.9,
  memory_bytes: 44_040_192,
  logs: [{ stream: 'stdout', time: AT, text: 'doubling' }],
  logs_truncated: false,
} as const
const error = {
  code: 'RUNTIME_ERROR',
  message: 'n is not defined',
  type: 'ReferenceError',
  line: 1,
  column: 38,
} as const

const session = {
  session_id: SESSION_ID,
  ...ofFunction,
  function_version: 1,
  definition_seq: 3,
  runtime: 'nodejs',
  language_title: 'nodejs-double',
  context: { timeout_ms: 30_000, retain_session: false, user_id: 'grace' },
} as const
const closing = { session_id: SESSION_ID, owner: 'local', reason: 'closed' } as const

const user = { username: 'ada', owner: 'ada', scopes: ['jobs:read'], password_hash: HASH }
const userVersion = { ...user, version: 1, created_at: AT, updated_at: AT }
const key = {
  key_id: 'k3jd92ma01xz',
  owner: 'ada',
  username: 'ada',
  name: 'ci',
  scopes: ['execute:all'],
  last_four: 'x7Qa',
  secret_hash: 'q0XcBnX3mOqKQm1Zk5r1S6m8Wq7l3u9xN3o5yQ2b7eE',
  expires_at: null,
}
const analysis = {
  analysis_id: SESSION_ID,
  owner: 'local',
  kind: 'chunk',
  name: 'intro-1',
  options: ANALYSIS_OPTIONS,
} as const
const suggestion = { optimization_id: SESSION_ID, owner: 'local', status: 'applied' } as const
const held = { fingerprint: 'b2pZ7m5n' }

export const MESSAGE_EXAMPLES: { readonly [Name in ToldType]: DataOf<Name> } = {
  'function.register': { ...ofFunction, definition, deadline: LATER },
  'function.update': { ...ofFunction, changes: { timeout_ms: 5_000 }, deadline: LATER },
  'function.delete': { ...ofFunction, deadline: LATER },
  'function.registered': version,
  'function.updated': { ...version, version: 2, updated_at: LATER },
  'function.deleted': { ...named, version: 2, runtime: 'nodejs', deleted_at: LATER },
  'function-name.claimed': named,
  'function-name.released': named,

  'job.run': run,
  'job.cancel': { job_id: 42, owner: 'local', deadline: LATER },
  'job.delayed': { ...run, run_at: LATER, attempt: 1, due_at: LATER },
  'job.started': { ...accepted, attempt: 1, started_at: AT },
  'job.returned': {
    ...{ job_id: 42, function_id: 7, attempt: 1 },
    reason: 'the executor is stopping',
    returned_at: AT,
  },
  'job.retrying': { ...accepted, attempt: 1, failed_at: AT, error, retry_at: LATER },
  'job.succeeded': { ...ended, result: { doubled: 42 } },
  'job.failed': { ...ended, error },
  'job.cancelled': {
    ...{ ...ended, duration_ms: null, logs: [] },
    error: { code: 'CANCELLED', message: 'Somebody asked for its end.' },
  },
  'job.cached': { ...accepted, session: { id: SESSION_ID }, source_job_id: 41, cached_at: AT },
  'source.check': { runtime: 'nodejs', code: definition.code },

  'session.initialize': { ...session, deadline: LATER },
  'session.close': { ...closing, initialized_seq: 17, deadline: LATER },
  'session.initialized': { ...session, created_at: AT, expires_at: '2026-03-14T11:26:53.589Z' },
  'session.closed': { ...closing, function_id: 7, closed_at: LATER },
  'schedule.ticked': {
    ...ofFunction,
    function_version: 1,
    tick: AT,
    outcome: 'started',
    job: { job_id: 42, accepted_at: AT },
    missed: null,
  },

  'analysis.run': {
    ...analysis,
    chunks: [{ chunk_id: 'intro-1', content: 'A chunk of text.' }],
    deadline: LATER,
  },
  'analysis.completed': {
    ...analysis,
    profile_version: '1',
    chunks: [
      {
        content_hash: 'u0g4yYF1r8vPq0m1u8m3E1bq6r1yWv0c8m1w1u2h3kA',
        metrics: {
          chunk_id: 'intro-1',
          quality_score: 0.71,
          redundancy_score: 0.1,
          size_score: 0.08,
          similarity_score: 0,
          overall_score: 0.67,
        },
        tokens: 4,
        optimizations: [
          {
            id: SESSION_ID,
            chunk_id: 'intro-1',
            type: 'size',
            priority: 'medium',
            title: 'Too small',
            description: 'It has 4 tokens.',
            suggested_action: 'Merge it with its neighbour.',
            related_chunks: [],
            created_at: AT,
            status: 'pending',
          },
        ],
      },
    ],
    clusters: [],
    similarity_floor: 0.5,
    truncated: false,
    created_at: AT,
  },
  'optimization.settle': { ...suggestion, deadline: LATER },
  'optimization.settled': { ...suggestion, settled_at: LATER },

  'user.create': { ...user, deadline: LATER },
  'user.change': { username: 'ada', changes: { scopes: ['admin'] }, deadline: LATER },
  'user.delete': { username: 'ada', deadline: LATER },
  'user.created': userVersion,
  'user.changed': { ...userVersion, version: 2, scopes: ['admin'], updated_at: LATER },
  'user.deleted': { username: 'ada', owner: 'ada', version: 3, deleted_at: LATER },
  'key.create': { ...key, deadline: LATER },
  'key.revoke': { key_id: key.key_id, owner: 'ada', deadline: LATER },
  'key.created': { ...key, created_at: AT },
  'key.revoked': { key_id: key.key_id, owner: 'ada', revoked_at: LATER },
  'key.used': { key_id: key.key_id, used_at: AT },

  'dead.letter': {
    ...{ stream: 'COMMANDS', consumer: 'fn-7', seq: 311, subject: 'cmd.job.run.nodejs.7' },
    deliveries: 3,
    code: 'ATTEMPTS_EXHAUSTED',
    reason: 'every attempt was lost',
    headers: {},
    payload: null,
  },
  'dead.redriven': { letter: 5, times: 1, job_id: 57, at: LATER },

  'key.held': { ...held, lease_until: LATER, created_id: 42 },
  'key.answered': {
    ...held,
    status: 201,
    headers: { location: '/functions/7' },
    body: '{"success":true}',
  },
  'key.released': {},
}
