/**
 * What makes two requests the same one: the key that the client gave, and a fingerprint of what it
 * asks.
 * Source: draft-ietf-httpapi-idempotency-key-header; RFC 8941 (strings).
 */
import { createHash, type Hash, type Hmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { canonicalJson } from '#domain/canonical-json.ts'
import { Problem } from '#domain/problem.ts'
import { parseJson } from '../http/body.ts'

export const KEY_HEADER = 'idempotency-key'
const VISIBLE = /^[\x21-\x7e]{1,255}$/
const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/
/** They change what a request does or how it is answered. */
const RELEVANT_HEADERS = ['language-title', 'prefer', 'x-cache-control']

/** `"k"` and `k` are the same key. Throws a `Problem` for what is none. */
export function parseKey(header: string): string {
  const quoted = QUOTED.exec(header)?.[1]
  const key = quoted === undefined ? header : quoted.replace(/\\(.)/g, '$1')
  const isBroken = quoted === undefined && header.startsWith('"')
  if (!isBroken && VISIBLE.test(key)) return key
  const message = 'Idempotency-Key must be 1 to 255 visible ASCII characters, quoted or bare.'
  throw new Problem('INVALID_REQUEST', message, { field: 'Idempotency-Key' })
}

/** Names the key in the log, without telling it: owners do not meet. */
export function digestOf(owner: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([owner, key]))
    .digest('base64url')
}

/** `hash` may know of more already. */
export function fingerprintOf(
  { method = '', url = '', headers }: IncomingMessage,
  body: Buffer,
  hash: Hash | Hmac = createHash('sha256'),
): string {
  const relevant = RELEVANT_HEADERS.map((name) => headers[name] ?? null)
  hash.update(`${JSON.stringify([method, url, relevant])}\n`)
  hash.update(canonical(body))
  return hash.digest('base64url')
}

/** JSON says the same in any order of its keys; what is no JSON is taken as it is. */
function canonical(body: Buffer): string | Buffer {
  try {
    return canonicalJson(parseJson(body.toString('utf8')))
  } catch (error) {
    if (error instanceof Problem) return body
    throw error
  }
}
