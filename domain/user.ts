/**
 * Decisions about users: `(command, newest event) → event`, or a named problem.
 *
 * Invariants:
 * 1. A name belongs to at most one living user. Whoever gets it after a deletion is somebody else:
 *    what was made by the former user is not theirs.
 * 2. A command that was already decided decides nothing: its own event names it as its cause.
 */
import { causedBy, envelope, type Said } from '#events/envelope.ts'
import { userMessageId, type User, type UserCommand, type UserEvent } from '#events/users.ts'
import { Problem } from './problem.ts'

export function decideUser(
  command: UserCommand,
  newest: UserEvent | undefined,
  said: Pick<Said, 'source' | 'time'>,
): UserEvent | undefined {
  if (newest?.causationid === command.id) return undefined
  const { username } = command.data
  const version = (newest?.data.version ?? 0) + 1
  const saying = { ...said, cause: causedBy(command) }
  const message = { id: userMessageId.version(username, version), subject: username }
  switch (command.type) {
    case 'user.create': {
      if (currentUser(newest) !== undefined) throw nameTaken(username)
      const { owner, scopes, password_hash } = command.data
      const times = { created_at: said.time, updated_at: said.time }
      const data: User = { username, owner, scopes, password_hash, version, ...times }
      return envelope(saying, { ...message, type: 'user.created', data })
    }
    case 'user.change': {
      const current = living(newest, username)
      const data: User = { ...current, ...command.data.changes, version, updated_at: said.time }
      return envelope(saying, { ...message, type: 'user.changed', data })
    }
    case 'user.delete': {
      const { owner } = living(newest, username)
      const data = { username, owner, version, deleted_at: said.time }
      return envelope(saying, { ...message, type: 'user.deleted', data })
    }
  }
}

/** Undefined: there is no such user (any more). */
export function currentUser(newest: UserEvent | undefined): User | undefined {
  return newest?.type === 'user.deleted' ? undefined : newest?.data
}

function living(newest: UserEvent | undefined, username: string): User {
  const current = currentUser(newest)
  if (current === undefined) throw userNotFound(username)
  return current
}

export function userNotFound(username: string): Problem {
  const message = `There is no user ${JSON.stringify(username)}.`
  return new Problem('NOT_FOUND', message, { field: 'username' })
}

function nameTaken(username: string): Problem {
  const message = `There is a user ${JSON.stringify(username)} already.`
  return new Problem('NAME_TAKEN', message, { field: 'username' })
}
