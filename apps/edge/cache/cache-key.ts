/** What a result depends on, as one key: two calls that differ in any of it never share one. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '#domain/canonical-json.ts'
import type { Json } from '#events/json.ts'

export interface KeyParts {
  readonly owner: string
  readonly functionId: number
  readonly version: number
  readonly params: Json
  readonly context: Json
  /** A session whose process remembers: its results are its own. */
  readonly session?: string | undefined
}

export function cacheKey(parts: KeyParts): string {
  const { owner, functionId, version, params, context, session = null } = parts
  return createHash('sha256')
    .update(canonicalJson([owner, functionId, version, session, context, params]))
    .digest('base64url')
}
