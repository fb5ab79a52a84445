/**
 * The language of users: who may sign in, whose functions they see, and what they may do.
 *
 * Every event but the last carries the user whole: the newest one is the user's state. A password
 * travels as its hash only, from the edge on.
 */
import Type, { type Static } from 'typebox'
import { deadline, message, timestamp, type DeepReadonly, type EnvelopeOf } from './message.ts'

/** The user that the environment's password belongs to. */
export const ADMIN = 'admin'

const username = { username: Type.String() }
const owner = {
  owner: Type.String({ description: 'Whose functions and jobs the user sees.' }),
}
const changeable = {
  scopes: Type.Array(Type.String(), { description: 'What the user may do.' }),
  password_hash: Type.String({ description: 'argon2id, in the PHC string format.' }),
}

/** What the edge asks for; the words of scopes are its own. */
export const UserInput = Type.Object({ ...username, ...owner, ...changeable })
export type UserInput = DeepReadonly<Static<typeof UserInput>>

export const UserChanges = Type.Partial(Type.Object(changeable))
export type UserChanges = DeepReadonly<Static<typeof UserChanges>>

// ── commands ────────────────────────────────────────────────────────────────────────────────────

export const CreateUser = message(
  'user.create',
  'Make a user.',
  Type.Object({ ...UserInput.properties, ...deadline }),
)
export type CreateUser = EnvelopeOf<typeof CreateUser>

export const ChangeUser = message(
  'user.change',
  "Change a user's password or scopes.",
  Type.Object({ ...username, changes: UserChanges, ...deadline }),
)
export type ChangeUser = EnvelopeOf<typeof ChangeUser>

export const DeleteUser = message(
  'user.delete',
  'End a user.',
  Type.Object({ ...username, ...deadline }),
)
export type DeleteUser = EnvelopeOf<typeof DeleteUser>

export type UserCommand = CreateUser | ChangeUser | DeleteUser

// ── events ──────────────────────────────────────────────────────────────────────────────────────

const version = {
  version: Type.Integer({
    description:
      'Counts from 1, on over a deletion: whoever gets the name later goes on from there.',
  }),
}

export const User = Type.Object({
  ...UserInput.properties,
  ...version,
  created_at: timestamp('When the user was made.'),
  updated_at: timestamp('When this version was made.'),
})
export type User = DeepReadonly<Static<typeof User>>

export const UserCreated = message('user.created', 'A user was made.', User)
export type UserCreated = EnvelopeOf<typeof UserCreated>

export const UserChanged = message('user.changed', "A user's password or scopes changed.", User)
export type UserChanged = EnvelopeOf<typeof UserChanged>

export const UserDeleted = message(
  'user.deleted',
  'A user is no more.',
  Type.Object({ ...username, ...owner, ...version, deleted_at: timestamp('When.') }),
)
export type UserDeleted = EnvelopeOf<typeof UserDeleted>

export type UserEvent = UserCreated | UserChanged | UserDeleted

/** Idempotency keys. A version is decided once: the expectation on the subject closes the race. */
export const userMessageId = {
  command: (type: string, requestId: string) => `${type}:${requestId}`,
  version: (username: string, version: number) => `user:${username}:v${version}`,
} as const
