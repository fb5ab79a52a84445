/** Runs on their way to COMMANDS: within what the queue of their function takes, and in fair turns. */
import { FairGate } from './fair-gate.ts'
import type { RunJob } from '#events/jobs.ts'
import type { Appender } from '#events/jetstream/append.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { subjects } from '#events/subjects.ts'
import { stored } from '../commands.ts'
import type { Defined } from '../knowledge/definitions.ts'
import type { Caller } from './invoked.ts'
import type { Place, Queues } from './queues.ts'

export interface EnqueuerOptions {
  readonly payloads: Payloads
  readonly appender: Appender
  readonly queues: Queues
}

export class Enqueuer {
  readonly #options: EnqueuerOptions
  readonly #gate = new FairGate()

  constructor(options: EnqueuerOptions) {
    this.#options = options
  }

  /** Something else than an acceptance is done for the function. */
  use(functionId: number): void {
    this.#gate.use(functionId)
  }

  /** Resolves when the command is on disk; `own` headers say that somebody waits for its end. */
  async enqueue(
    { definition, function_id }: Defined,
    command: RunJob,
    caller: Caller,
    own: readonly (readonly [string, string])[],
  ): Promise<Place> {
    const { queues } = this.#options
    const entering = queues.enter(function_id, definition)
    const place = entering instanceof Promise ? await entering : entering
    try {
      await this.#append(definition, command, caller, own)
    } catch (error) {
      place.left()
      throw error
    }
    place.stored()
    return place
  }

  async #append(
    { runtime }: Defined['definition'],
    command: RunJob,
    caller: Caller,
    own: readonly (readonly [string, string])[],
  ): Promise<void> {
    const { payloads, appender } = this.#options
    const { function_id } = command.data
    const sealing = payloads.seal(command, 'as-long-as-the-log')
    const { payload, headers = [] } = sealing instanceof Promise ? await stored(sealing) : sealing
    const trace = ['traceparent', command.traceparent ?? ''] as const
    const turn = this.#gate.enter(function_id)
    if (turn !== undefined) await turn
    try {
      caller.effect.requireMine()
      await stored(
        appender.append({
          subject: subjects.runJob(runtime, function_id),
          id: command.id,
          payload,
          urgent: own.length > 0,
          headers: [...headers, trace, ...own],
        }),
      )
    } finally {
      this.#gate.leave(function_id)
    }
  }
}
