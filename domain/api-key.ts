/**
 * Decisions about API keys: `(command, newest event) → event`, or a named problem.
 *
 * Invariants:
 * 1. A key is made once and revoked once; nothing else ever happens to it, so neither its scopes nor
 *    its owner can change. Of tries to make it, each with a secret of its own, one succeeds.
 * 2. Another owner's key is as unknown as one that never was.
 */
import { causedBy, envelope, type Said } from '#events/envelope.ts'
import {
  apiKeyMessageId,
  type ApiKey,
  type ApiKeyCommand,
  type ApiKeyEvent,
} from '#events/api-keys.ts'
import { excerpt, Problem } from './problem.ts'

/** Undefined: there is nothing to do any more. */
export function decideApiKey(
  command: ApiKeyCommand,
  newest: ApiKeyEvent | undefined,
  said: Pick<Said, 'source' | 'time'>,
): ApiKeyEvent | undefined {
  if (newest?.causationid === command.id) return undefined
  const { key_id, owner } = command.data
  const saying = { ...said, cause: causedBy(command) }
  switch (command.type) {
    case 'key.create': {
      if (newest !== undefined) throw secretLost(key_id)
      const { username, name, scopes, last_four, secret_hash, expires_at } = command.data
      const given = { key_id, owner, username, name, scopes, last_four, secret_hash, expires_at }
      const data: ApiKey = { ...given, created_at: said.time }
      const id = apiKeyMessageId.created(key_id)
      return envelope(saying, { id, type: 'key.created', subject: key_id, data })
    }
    case 'key.revoke': {
      if (newest?.data.owner !== owner) throw keyNotFound(key_id)
      if (newest.type === 'key.revoked') return undefined
      const data = { key_id, owner, revoked_at: said.time }
      const id = apiKeyMessageId.revoked(key_id)
      return envelope(saying, { id, type: 'key.revoked', subject: key_id, data })
    }
  }
}

/** Whoever made it died before anybody was told its secret. */
function secretLost(key_id: string): Problem {
  const message =
    `The key ${key_id} was made, but its secret was never shown: revoke it, and ask again with ` +
    'another Idempotency-Key.'
  return new Problem('CONFLICT', message, { field: 'Idempotency-Key', key_id })
}

export function keyNotFound(keyId: string): Problem {
  return new Problem('NOT_FOUND', `There is no key ${JSON.stringify(excerpt(keyId))}.`, {
    field: 'key_id',
  })
}
