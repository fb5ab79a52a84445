/** What is asked of API keys, decided. */
import { decideApiKey } from '#domain/api-key.ts'
import type { ApiKeyCommand, ApiKeyEvent } from '#events/api-keys.ts'
import { filters, subjects, type ApiKeyFact } from '#events/subjects.ts'
import type { Aggregate, Command } from './commands.ts'
import { loneAggregate, type LogAccess } from './lone-aggregate.ts'

const FACTS: Readonly<Record<ApiKeyEvent['type'], ApiKeyFact>> = {
  'key.created': 'created',
  'key.revoked': 'revoked',
}
/** It becomes a token of a subject. */
const KEY_ID = /^\w{1,64}$/

export function apiKeyCommands(log: LogAccess): Aggregate<ApiKeyCommand> {
  return loneAggregate<ApiKeyCommand, ApiKeyEvent>(log, {
    isCommand: isKeyCommand,
    filterOf: ({ data }) => filters.apiKeyEventsOf(data.key_id),
    subjectOf: ({ type, data }) => subjects.apiKeyEvent(data.key_id, FACTS[type]),
    decide: decideApiKey,
  })
}

function isKeyCommand(command: Command): command is ApiKeyCommand {
  const { data } = command as ApiKeyCommand
  if (typeof data.key_id !== 'string' || !KEY_ID.test(data.key_id)) return false
  if (typeof data.owner !== 'string') return false
  if (command.type === 'key.create') return 'secret_hash' in data && 'scopes' in data
  return command.type === 'key.revoke'
}
