/**
 * The language of users: who may sign in, whose functions they see, and what they may do.
 *
 * Every event but the last carries the user whole: the newest one is the user's state. A password
 * travels as its hash only, from the edge on.
 */
import type { Envelope } from './envelope.ts'

/** The user that the environment's password belongs to. */
export const ADMIN = 'admin'

/** What the edge asks for; the words of scopes are its own. */
export interface UserInput {
  readonly username: string
  readonly owner: string
  readonly scopes: readonly string[]
  /** argon2id, in the PHC string format. */
  readonly password_hash: string
}

export type UserChanges = Partial<Pick<UserInput, 'scopes' | 'password_hash'>>

// ── commands ────────────────────────────────────────────────────────────────────────────────────

interface UserCommandData {
  readonly username: string
  /** ISO 8601. Nobody waits any longer: whoever reads the command later must not act on it. */
  readonly deadline: string
}

export type CreateUser = Envelope<'user.create', UserCommandData & UserInput>
export type ChangeUser = Envelope<
  'user.change',
  UserCommandData & { readonly changes: UserChanges }
>
export type DeleteUser = Envelope<'user.delete', UserCommandData>
export type UserCommand = CreateUser | ChangeUser | DeleteUser

// ── events ──────────────────────────────────────────────────────────────────────────────────────

export interface User extends UserInput {
  /** Counts from 1, on over a deletion: whoever gets the name later goes on from there. */
  readonly version: number
  readonly created_at: string
  readonly updated_at: string
}

export type UserCreated = Envelope<'user.created', User>
export type UserChanged = Envelope<'user.changed', User>
export type UserDeleted = Envelope<
  'user.deleted',
  {
    readonly username: string
    readonly owner: string
    readonly version: number
    readonly deleted_at: string
  }
>
export type UserEvent = UserCreated | UserChanged | UserDeleted

/** Idempotency keys. A version is decided once: the expectation on the subject closes the race. */
export const userMessageId = {
  command: (type: string, requestId: string) => `${type}:${requestId}`,
  version: (username: string, version: number) => `user:${username}:v${version}`,
} as const
