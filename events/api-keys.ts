/**
 * The language of API keys: who made them, what they may do, and that they are revoked.
 *
 * The log never holds a key, only what proves one: the keyed hash of its secret.
 */
import type { Envelope } from './envelope.ts'

export interface ApiKeyInput {
  /** The part of the key that names it. */
  readonly key_id: string
  readonly owner: string
  /** Who made it: the key is never worth more than this user still is. */
  readonly username: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly last_four: string
  /** HMAC-SHA256 of the secret under the pepper, in base64url. */
  readonly secret_hash: string
  /** Null: it does not expire. */
  readonly expires_at: string | null
}

// ── commands ────────────────────────────────────────────────────────────────────────────────────

interface KeyCommandData {
  readonly key_id: string
  readonly owner: string
  /** ISO 8601. Nobody waits any longer: whoever reads the command later must not act on it. */
  readonly deadline: string
}

export type CreateApiKey = Envelope<'key.create', KeyCommandData & ApiKeyInput>
export type RevokeApiKey = Envelope<'key.revoke', KeyCommandData>
export type ApiKeyCommand = CreateApiKey | RevokeApiKey

// ── events ──────────────────────────────────────────────────────────────────────────────────────

export interface ApiKey extends ApiKeyInput {
  readonly created_at: string
}

export type ApiKeyCreated = Envelope<'key.created', ApiKey>
export type ApiKeyRevoked = Envelope<
  'key.revoked',
  { readonly key_id: string; readonly owner: string; readonly revoked_at: string }
>
/** Now and then, while it is in use; it merely happened and expires. */
export type ApiKeyUsed = Envelope<'key.used', { readonly key_id: string; readonly used_at: string }>
/** What makes a key what it is. */
export type ApiKeyEvent = ApiKeyCreated | ApiKeyRevoked

/** Uses are told at most once in so long. */
export const USE_EVERY_MS = 60_000

/** Idempotency keys. */
export const apiKeyMessageId = {
  command: (type: string, requestId: string) => `${type}:${requestId}`,
  created: (keyId: string) => `key:${keyId}:created`,
  revoked: (keyId: string) => `key:${keyId}:revoked`,
  /** Of all edges that see the key in the same minute, one is heard. */
  used: (keyId: string, atMs: number) => `key:${keyId}:used:${Math.floor(atMs / USE_EVERY_MS)}`,
} as const
