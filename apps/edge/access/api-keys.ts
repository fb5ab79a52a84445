/**
 * The API keys in memory (`followed.ts`), and whom a presented one speaks for.
 *
 * Invariants:
 * 1. A key is worth what it was made with, and never more than the user who made it still is: if
 *    that user is gone, or the name is somebody else's by now, it is worth nothing.
 * 2. The checksum is looked at before anything else; from there on an unknown key costs what a known
 *    one costs.
 * 3. A key whose events cannot be read is worth nothing.
 */
import { timingSafeEqual } from 'node:crypto'
import type { JsMsg } from '@nats-io/jetstream'
import { isUnreadable, type Payloads } from '#events/jetstream/payloads.ts'
import type { ApiKey, ApiKeyEvent } from '#events/api-keys.ts'
import { filters, aggregateTokenOf } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import type { Agreement } from '../knowledge/agreement.ts'
import type { ByHeart } from '../knowledge/followed.ts'
import type { KeyRing } from './credentials.ts'
import { hashSecret, parseKey } from './key-format.ts'
import { covers, isScope, type Principal, type Scope } from './principal.ts'
import type { Users } from './users.ts'

/** What nobody's secret hashes to is compared with for an unknown key. */
const NOBODYS = Buffer.alloc(32)

interface Held {
  readonly key: ApiKey
  readonly hash: Buffer
  /** Where on EVENTS it was made. */
  readonly seq: number
}

export interface ApiKeysOptions {
  readonly payloads: Payloads
  readonly users: Users
  /** Undefined: no key can be made or recognised here. */
  readonly pepper: string | undefined
  readonly log: Log
  /** Told of each use; returns at once. */
  readonly onUse: (keyId: string) => void
}

export class ApiKeys implements ByHeart, KeyRing {
  readonly filter = filters.apiKeyEvents
  readonly #options: ApiKeysOptions
  /** Those that are not revoked, by id. */
  readonly #held = new Map<string, Held>()

  constructor(options: ApiKeysOptions) {
    this.#options = options
  }

  principalOf(presented: string): Principal | undefined {
    const { pepper, onUse } = this.#options
    const parts = parseKey(presented)
    if (parts === undefined || pepper === undefined) return undefined
    const held = this.#held.get(parts.id)
    const isRight = timingSafeEqual(hashSecret(parts.secret, pepper), held?.hash ?? NOBODYS)
    if (held === undefined || !isRight || isExpired(held.key)) return undefined
    const scopes = this.#worth(held)
    if (scopes === undefined) return undefined
    onUse(parts.id)
    return { owner: held.key.owner, subject: subjectOf(parts.id), scopes: new Set(scopes) }
  }

  /** Whether it would be let in now. */
  isGood(keyId: string): boolean {
    const held = this.#held.get(keyId)
    return held !== undefined && !isExpired(held.key) && this.#worth(held) !== undefined
  }

  /** The user behind a subject: a key speaks for whoever made it. Undefined: no longer. */
  userBehind(subject: string): string | undefined {
    if (!subject.startsWith(SUBJECT)) return subject
    return this.#held.get(subject.slice(SUBJECT.length))?.key.username
  }

  async take(message: JsMsg): Promise<void> {
    const { payloads, log } = this.#options
    const id = aggregateTokenOf(message.subject)
    if (id === undefined) return
    try {
      const { type, data } = await payloads.open<ApiKeyEvent>(message)
      if (type === 'key.revoked') this.#held.delete(id)
      else this.#held.set(id, { key: data, hash: hashOf(data), seq: message.seq })
    } catch (error) {
      if (!isUnreadable(error) && !(error instanceof TypeError)) throw error
      this.#held.delete(id)
      log.error('key_unreadable', { keyId: id, seq: message.seq, error })
    }
  }

  /** Undefined: the user who made it is gone. */
  #worth({ key, seq }: Held): readonly Scope[] | undefined {
    const scopes = key.scopes.filter(isScope)
    const maker = this.#options.users.find(key.username)
    // An identity provider's: it lives by its own expiry and its revocation.
    if (maker === undefined) return scopes
    if (maker.kind === 'gone' || maker.since > seq) return undefined
    const has = new Set(maker.user.scopes.filter(isScope))
    return scopes.filter((scope) => covers(has, scope))
  }
}

/** What is known by heart is worth nothing on an edge that has lost touch with the others. */
export function whilePresent(keys: KeyRing, agreement: Agreement): KeyRing {
  return {
    principalOf(presented) {
      const principal = keys.principalOf(presented)
      if (principal !== undefined) agreement.requirePresence()
      return principal
    },
  }
}

const SUBJECT = 'key:'
const subjectOf = (keyId: string) => `${SUBJECT}${keyId}`

const isExpired = ({ expires_at }: ApiKey) =>
  expires_at !== null && Date.parse(expires_at) <= Date.now()

function hashOf({ secret_hash }: ApiKey): Buffer {
  const hash = Buffer.from(secret_hash, 'base64url')
  if (hash.length === NOBODYS.length) return hash
  throw new SyntaxError('the hash of a secret has another length')
}
