/** What is asked of functions, as commands. */
import { randomUUID } from 'node:crypto'
import type { Cause } from '#events/envelope.ts'
import {
  functionMessageId,
  type FunctionCommand,
  type FunctionRegistered,
  type FunctionUpdated,
  type FunctionVersion,
} from '#events/functions.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import type { SendCommand } from './commands.ts'

export interface FunctionCommandsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly send: SendCommand
}

type DataOf<Command extends FunctionCommand> = Omit<Command['data'], 'deadline'>

/** Resolves with the function's newest version, if it still lives. */
export type SendFunctionCommand = <Command extends FunctionCommand>(
  type: Command['type'],
  data: DataOf<Command>,
  cause: Cause,
) => Promise<FunctionVersion | undefined>

export function createFunctionCommands(options: FunctionCommandsOptions): SendFunctionCommand {
  const { bus, payloads, send } = options

  return async (type, data, cause) => {
    const subject = String(data.function_id)
    const messageId = functionMessageId.command(type, randomUUID())
    // An id is registered once: whoever tries that again asks the same thing.
    const id = type === 'function.register' ? functionMessageId.command(type, subject) : messageId
    const asked = { type, id, messageId, subject, data, known: 'functions' as const }
    const { seq, data: version } = await send<FunctionVersion>(asked, cause)
    if (version !== undefined || type === 'function.delete') return version
    // A large definition is no part of the reply; its event is the last one of the decision.
    type Defining = FunctionRegistered | FunctionUpdated
    return (await readEvent<Defining>(bus, payloads, { seq }))?.event.data
  }
}
