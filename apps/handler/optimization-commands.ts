/**
 * What people decide of suggestions, recorded. Whether there is such a suggestion, and whose it is,
 * the edge has asked the read model; the newest word counts.
 */
import { chunkMessageId, type SettledStatus, type SettleOptimization } from '#events/analyses.ts'
import { causedBy, envelope } from '#events/envelope.ts'
import type { Appender } from '#events/jetstream/append.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { subjects } from '#events/subjects.ts'
import { SOURCE, type Aggregate, type Command } from './commands.ts'

const STATUSES: readonly SettledStatus[] = ['applied', 'ignored']

export interface OptimizationCommandsOptions {
  readonly payloads: Payloads
  readonly appender: Appender
}

export function optimizationCommands({
  payloads,
  appender,
}: OptimizationCommandsOptions): Aggregate<SettleOptimization> {
  return {
    isCommand: isSettlement,
    async act(command) {
      const { optimization_id, owner, status } = command.data
      const settled_at = new Date().toISOString()
      const saying = { source: SOURCE, time: settled_at, cause: causedBy(command) }
      const event = envelope(saying, {
        id: chunkMessageId.settled(command.id),
        type: 'optimization.settled',
        subject: optimization_id,
        data: { optimization_id, owner, status, settled_at },
      })
      // Kept for ever: what was ignored must not come back because the log forgot it.
      const sealed = await payloads.seal(event, 'for-ever')
      const subject = subjects.optimizationSettled(status)
      const { seq } = await appender.append({ ...sealed, subject, id: event.id })
      return { seq }
    },
  }
}

function isSettlement(command: Command): command is SettleOptimization {
  const { data } = command as SettleOptimization
  return (
    command.type === 'optimization.settle' &&
    typeof data.optimization_id === 'string' &&
    typeof data.owner === 'string' &&
    STATUSES.includes(data.status)
  )
}
