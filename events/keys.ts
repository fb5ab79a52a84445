/**
 * The language of idempotency keys: who has taken a request in hand, and what it was answered with.
 * The newest word on a subject is all there is; a word is said against the sequence of the one before
 * it, so of many who want a key one gets it.
 *
 * A key is `held` while a request is in progress and as long as its lease says. What the request
 * creates gets its id before the effect begins, and the id is said here first: whoever takes the key
 * over goes on with the same one.
 */
import Type, { type Static } from 'typebox'
import { message, nullable, timestamp, type EnvelopeOf } from './message.ts'

export const CreatedId = Type.Union([Type.Number(), Type.String()])
export type CreatedId = Static<typeof CreatedId>

const fingerprint = {
  fingerprint: Type.String({
    description:
      'Of the request: method, path, query, body, and the headers that change what it asks.',
  }),
}

export const KeyHeld = message(
  'key.held',
  'Somebody has taken the request in hand.',
  Type.Object({
    ...fingerprint,
    lease_until: timestamp('From then on somebody else may take it.'),
    created_id: nullable(
      CreatedId,
      'The id that what it makes will have. Null: nothing has begun yet.',
    ),
  }),
)
export type KeyHeld = EnvelopeOf<typeof KeyHeld>

export const KeyAnswered = message(
  'key.answered',
  'The request has its answer, which its repeats get as well.',
  Type.Object({
    ...fingerprint,
    status: Type.Integer(),
    headers: Type.Record(Type.String(), Type.String()),
    body: nullable(Type.String(), 'Sealed, where it is secret.'),
  }),
)
export type KeyAnswered = EnvelopeOf<typeof KeyAnswered>

export const KeyReleased = message(
  'key.released',
  'Nothing came of it: the key is as good as new.',
  Type.Object({}),
)
export type KeyReleased = EnvelopeOf<typeof KeyReleased>

export type KeyEvent = KeyHeld | KeyAnswered | KeyReleased

export const keyMessageId = (holder: string, step: number) => `key:${holder}:${step}`
