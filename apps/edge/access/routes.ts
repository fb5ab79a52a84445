/**
 * Who may call which route, and how often: the one table of it. A route that is not in here cannot
 * be registered.
 */
import type { Deprecated } from '../http/deprecation.ts'
import type { Scope } from './principal.ts'

/** Limits that a route shares with others of the same name; their figures: `limits/policies.ts`. */
export type LimitName = 'execute' | 'functions' | 'chunks' | 'token'

export interface RouteAccess {
  /** One of them is enough; none: everybody may. */
  readonly scopes: readonly Scope[]
  /** Wants credentials even where an instance is open. */
  readonly closed?: true
  readonly limit?: LimitName
  /**
   * It makes something, and with an Idempotency-Key it does so once; `secret`: neither what is asked
   * nor the answer may be kept in clear for that.
   */
  readonly creates?: true | 'secret'
  /**
   * What its body may come to, in bytes; `large`: what `MAX_ANALYSIS_BYTES` says; none: what
   * `MAX_BODY_BYTES` says.
   */
  readonly body?: number | 'large'
  readonly deprecated?: Deprecated
}

/** A handler narrows it to the function's own runtime (`requireExecute`). */
const EXECUTE: readonly Scope[] = [
  'execute:all',
  'execute:nodejs',
  'execute:python',
  'execute:rust',
]
const READ: readonly Scope[] = ['read:functions']
const WRITE: readonly Scope[] = ['functions:write']
const JOBS: readonly Scope[] = ['jobs:read']
const JOBS_WRITE: readonly Scope[] = ['jobs:write']
const EVENTS: readonly Scope[] = ['events:read']
const CHUNKS: readonly Scope[] = ['chunks:read', 'chunks:write']
const CHUNKS_WRITE: readonly Scope[] = ['chunks:write']
const KEYS: readonly Scope[] = ['keys:write']
const ADMIN: readonly Scope[] = ['admin']

/** Some names and a password, some scopes. */
const FORM_BYTES = 8 * 1024
const GRAPHQL_BYTES = 64 * 1024

const ANALYSIS = { scopes: CHUNKS_WRITE, limit: 'chunks', creates: true, body: 'large' } as const

export const ROUTES = {
  'GET /functions': { scopes: READ },
  'POST /functions': { scopes: WRITE, creates: true },
  'GET /functions/:function_id': { scopes: READ },
  'PUT /functions/:function_id': { scopes: WRITE },
  'DELETE /functions/:function_id': { scopes: WRITE },
  'GET /functions/:function_id/versions': { scopes: READ },
  'GET /functions/:function_id/versions/:version': { scopes: READ },
  'GET /functions/:function_id/metrics': { scopes: READ },
  'POST /functions/:function_id/invoke': { scopes: EXECUTE, creates: true },
  'GET /functions/:function_id/jobs': { scopes: JOBS },
  'GET /jobs/:id': { scopes: JOBS },
  'GET /jobs/:id/logs': { scopes: JOBS },
  'GET /jobs/:id/explain': { scopes: JOBS },
  'POST /jobs/:id/cancel': { scopes: JOBS_WRITE },

  'POST /api/v1/initialize': { scopes: EXECUTE, closed: true, creates: true },
  'POST /api/v1/execute/:request_id': {
    ...{ scopes: EXECUTE, closed: true, limit: 'execute', creates: true },
  },
  'GET /api/v1/sessions/:request_id': { scopes: EXECUTE, closed: true },
  'DELETE /api/v1/sessions/:request_id': { scopes: EXECUTE, closed: true },
  'GET /api/v1/functions': { scopes: READ, closed: true, limit: 'functions' },
  'GET /api/v1/functions/:language_title': { scopes: READ, closed: true, limit: 'functions' },

  'POST /api/v1/chunks/analyze': ANALYSIS,
  'POST /api/v1/documents/analyze': ANALYSIS,
  'GET /api/v1/documents/:document_id/report': { scopes: CHUNKS, limit: 'chunks' },
  'POST /api/v1/batch/analyze': ANALYSIS,
  'POST /api/v1/similarity/calculate': { scopes: CHUNKS, limit: 'chunks', body: 'large' },
  'GET /api/v1/optimizations': { scopes: CHUNKS, limit: 'chunks' },
  'GET /api/v1/optimizations/:id': { scopes: CHUNKS, limit: 'chunks' },
  'PATCH /api/v1/optimizations/:id': { scopes: CHUNKS_WRITE, limit: 'chunks', body: FORM_BYTES },

  'GET /api/v1/events': { scopes: EVENTS },
  'GET /api/v1/ws': { scopes: EVENTS },
  // Each field wants the scope of the route that shows the same, and the tightest limit of them holds.
  'POST /graphql': {
    ...{ scopes: [...READ, ...JOBS, ...CHUNKS, ...EVENTS], limit: 'chunks', body: GRAPHQL_BYTES },
  },

  'POST /api/v1/auth/token': { scopes: [], body: FORM_BYTES },
  'GET /api/v1/users': { scopes: ADMIN, closed: true },
  'POST /api/v1/users': { scopes: ADMIN, closed: true, creates: 'secret', body: FORM_BYTES },
  'PATCH /api/v1/users/:username': { scopes: ADMIN, closed: true, body: FORM_BYTES },
  'DELETE /api/v1/users/:username': { scopes: ADMIN, closed: true },
  'GET /api/v1/keys': { scopes: KEYS, closed: true },
  'POST /api/v1/keys': { scopes: KEYS, closed: true, creates: 'secret', body: FORM_BYTES },
  'DELETE /api/v1/keys/:key_id': { scopes: KEYS, closed: true },

  'GET /openapi.json': { scopes: [] },
  'GET /asyncapi.json': { scopes: [] },
  'GET /docs': { scopes: [] },
  'GET /docs/:file': { scopes: [] },

  'GET /api/v1/dead-letters': { scopes: ADMIN },
  'DELETE /api/v1/dead-letters': { scopes: ADMIN },
  'GET /api/v1/dead-letters/:id': { scopes: ADMIN },
  'DELETE /api/v1/dead-letters/:id': { scopes: ADMIN },
  'POST /api/v1/dead-letters/:id/redrive': { scopes: ADMIN, creates: true },
  'POST /api/v1/dead-letters/redrive': { scopes: ADMIN, creates: true },
} as const satisfies Readonly<Record<string, RouteAccess>>

export type RouteName = keyof typeof ROUTES
