/** What is asked of users, decided. */
import { decideUser } from '#domain/user.ts'
import { filters, subjects, type UserFact } from '#events/subjects.ts'
import type { UserCommand, UserEvent } from '#events/users.ts'
import type { Aggregate, Command } from './commands.ts'
import { loneAggregate, type LogAccess } from './lone-aggregate.ts'

const FACTS: Readonly<Record<UserEvent['type'], UserFact>> = {
  'user.created': 'created',
  'user.changed': 'changed',
  'user.deleted': 'deleted',
}

export function userCommands(log: LogAccess): Aggregate<UserCommand> {
  return loneAggregate<UserCommand, UserEvent>(log, {
    isCommand: isUserCommand,
    filterOf: ({ data }) => filters.userEventsOf(data.username),
    subjectOf: ({ type, data }) => subjects.userEvent(data.username, FACTS[type]),
    decide: decideUser,
  })
}

function isUserCommand(command: Command): command is UserCommand {
  const { data } = command as UserCommand
  if (typeof data.username !== 'string') return false
  switch (command.type) {
    case 'user.create':
      return 'password_hash' in data && 'scopes' in data && 'owner' in data
    case 'user.change':
      return 'changes' in data && typeof data.changes === 'object'
    case 'user.delete':
      return true
    default:
      return false
  }
}
