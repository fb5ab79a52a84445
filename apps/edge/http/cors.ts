/**
 * What browsers want to hear before they let a page ask, and read the answer.
 * Source: section 7 of the lambda API document; the Fetch standard.
 *
 * Invariants:
 * 1. An origin is allowed by its exact text or not at all: no wildcard, nothing reflected unseen.
 *    Cookies play no part, so credentials are never allowed as the standard means them.
 * 2. A preflight costs nothing: no credentials, no limit, no body.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Origins } from './origins.ts'

const MAX_AGE_S = '86400'
const DOCUMENT_HEADERS =
  'Content-Type, Authorization, Language-Title, X-Request-ID, X-Cache-Control'
const OUR_HEADERS = `${DOCUMENT_HEADERS}, X-API-Key, Idempotency-Key, Prefer, Last-Event-ID`
const EXPOSED = [
  'X-Request-Id',
  'Location',
  'Retry-After',
  'X-Rate-Limit-Limit',
  'X-Rate-Limit-Remaining',
  'X-Rate-Limit-Reset',
  'RateLimit',
  'RateLimit-Policy',
  'Idempotency-Replayed',
  'X-Response-Time',
  'X-API-Deprecated',
  'Deprecation',
  'Sunset',
  'Link',
  'Sluice-Stale',
].join(', ')
/** The paths of the lambda API document. */
const DOCUMENT_PATH = /^\/api\/v1\/(?:initialize|execute|sessions|functions)(?:\/|$)/
const DOCUMENT_METHODS = 'GET, POST, OPTIONS'
const SESSION_PATH = /^\/api\/v1\/sessions\//

/** On every answer, allowed or not: a cache must not show the one to the other. */
export const VARY = { vary: 'Origin' } as const

/** Tells the browser of a page that may read the answer; for others it says nothing. */
export type Cors = (incoming: IncomingMessage, outgoing: ServerResponse) => void

export function createCors(allows: Origins): Cors {
  return ({ headers: { origin } }, outgoing) => {
    if (origin === undefined || !allows(origin)) return
    outgoing.setHeader('access-control-allow-origin', origin)
    outgoing.setHeader('access-control-expose-headers', EXPOSED)
  }
}

/** The answer to OPTIONS; whether the origin may is said by `Cors`, as for every answer. */
export function optionsHeaders(
  path: string,
  methods: readonly string[],
  origin: string | undefined,
): Record<string, string> {
  const allow = methods.join(', ')
  if (origin === undefined) return { allow }
  const isDocuments = DOCUMENT_PATH.test(path)
  const session = SESSION_PATH.test(path) ? `${DOCUMENT_METHODS}, DELETE` : DOCUMENT_METHODS
  return {
    allow,
    'access-control-allow-methods': isDocuments ? session : allow,
    'access-control-allow-headers': isDocuments ? DOCUMENT_HEADERS : OUR_HEADERS,
    'access-control-max-age': MAX_AGE_S,
  }
}
