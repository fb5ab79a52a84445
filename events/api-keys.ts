/**
 * The language of API keys: who made them, what they may do, and that they are revoked.
 *
 * The log never holds a key, only what proves one: the keyed hash of its secret.
 */
import Type, { type Static } from 'typebox'
import {
  deadline,
  message,
  nullable,
  timestamp,
  type DeepReadonly,
  type EnvelopeOf,
} from './message.ts'

const keyId = { key_id: Type.String({ description: 'The part of the key that names it.' }) }
const owner = { owner: Type.String() }

export const ApiKeyInput = Type.Object({
  ...keyId,
  ...owner,
  username: Type.String({
    description: 'Who made it: the key is never worth more than this user still is.',
  }),
  name: Type.String(),
  scopes: Type.Array(Type.String(), { description: 'What its bearer may do.' }),
  last_four: Type.String({ description: 'Of the key, so that people tell keys apart.' }),
  secret_hash: Type.String({
    description: 'HMAC-SHA256 of the secret under the pepper, in base64url.',
  }),
  expires_at: nullable(timestamp('From then on it opens nothing.'), 'Null: it does not expire.'),
})
export type ApiKeyInput = DeepReadonly<Static<typeof ApiKeyInput>>

// ── commands ────────────────────────────────────────────────────────────────────────────────────

export const CreateApiKey = message(
  'key.create',
  'Make an API key.',
  Type.Object({ ...ApiKeyInput.properties, ...deadline }),
)
export type CreateApiKey = EnvelopeOf<typeof CreateApiKey>

export const RevokeApiKey = message(
  'key.revoke',
  'Revoke an API key.',
  Type.Object({ ...keyId, ...owner, ...deadline }),
)
export type RevokeApiKey = EnvelopeOf<typeof RevokeApiKey>

export type ApiKeyCommand = CreateApiKey | RevokeApiKey

// ── events ──────────────────────────────────────────────────────────────────────────────────────

export const ApiKey = Type.Object({
  ...ApiKeyInput.properties,
  created_at: timestamp('When it was made.'),
})
export type ApiKey = DeepReadonly<Static<typeof ApiKey>>

export const ApiKeyCreated = message('key.created', 'An API key was made.', ApiKey)
export type ApiKeyCreated = EnvelopeOf<typeof ApiKeyCreated>

export const ApiKeyRevoked = message(
  'key.revoked',
  'An API key opens nothing any more.',
  Type.Object({ ...keyId, ...owner, revoked_at: timestamp('When.') }),
)
export type ApiKeyRevoked = EnvelopeOf<typeof ApiKeyRevoked>

/** Now and then, while it is in use; it merely happened and expires. */
export const ApiKeyUsed = message(
  'key.used',
  'An API key is in use; told at most once a minute.',
  Type.Object({ ...keyId, used_at: timestamp('When it was seen.') }),
)
export type ApiKeyUsed = EnvelopeOf<typeof ApiKeyUsed>

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
