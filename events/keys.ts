/**
 * The language of idempotency keys: who has taken a request in hand, and what it was answered with.
 * The newest word on a subject is all there is; a word is said against the sequence of the one before
 * it, so of many who want a key one gets it.
 *
 * A key is `held` while a request is in progress and as long as its lease says. What the request
 * creates gets its id before the effect begins, and the id is said here first: whoever takes the key
 * over goes on with the same one.
 */
import type { Envelope } from './envelope.ts'

export type CreatedId = number | string

interface Fingerprinted {
  /** Of the request: method, path, query, body, and the headers that change what it asks. */
  readonly fingerprint: string
}

export type KeyHeld = Envelope<
  'key.held',
  Fingerprinted & {
    /** ISO 8601. From then on somebody else may take it. */
    readonly lease_until: string
    /** Null: nothing has begun yet. */
    readonly created_id: CreatedId | null
  }
>

export type KeyAnswered = Envelope<
  'key.answered',
  Fingerprinted & {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    /** Sealed, where it is secret. */
    readonly body: string | null
  }
>

/** Nothing came of it: the key is as good as new. */
export type KeyReleased = Envelope<'key.released', Record<never, never>>

export type KeyEvent = KeyHeld | KeyAnswered | KeyReleased

export const keyMessageId = (holder: string, step: number) => `key:${holder}:${step}`
