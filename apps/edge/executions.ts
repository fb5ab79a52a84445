/**
 * Executions of sessions: run, or answered with what the same execution came to before.
 *
 * Invariant: a retained session whose executor has gone is lost, and everybody is told so: the state
 * that it held cannot come back, whoever starts next.
 */
import { randomUUID } from 'node:crypto'
import { sessionLost } from '#domain/session.ts'
import type { JobError, Json } from '#events/jobs.ts'
import type { JobReplyEnd } from '#events/replies.ts'
import type { Log } from '#runtime/log.ts'
import type { Counter } from '#runtime/telemetry.ts'
import type { Defined } from './definitions.ts'
import type { Caller, Invocations } from './invocations.ts'
import type { Pins } from './pins.ts'
import type { SessionCommands } from './session-commands.ts'
import type { KnownSession } from './sessions.ts'

export interface Execution {
  readonly session: KnownSession
  /** The version that the session is bound to. */
  readonly defined: Defined
  readonly params: Json
}

export interface Executed {
  readonly job_id: number
  readonly cached: boolean
  readonly outcome:
    | {
        /** In whole milliseconds. */
        readonly execution_time: number
        readonly result: Json
      }
    | { readonly error: JobError }
}

export interface ExecutionsOptions {
  readonly invocations: Invocations
  readonly pins: Pins
  readonly commands: SessionCommands
  readonly executionsTotal: Counter
  readonly log: Log
}

export class Executions {
  readonly #options: ExecutionsOptions

  constructor(options: ExecutionsOptions) {
    this.#options = options
  }

  async execute(execution: Execution, caller: Caller): Promise<Executed> {
    const { runtime } = execution.session
    const executed = await this.#run(execution, caller)
    const { outcome, cached } = executed
    const code = 'error' in outcome ? outcome.error.code : 'success'
    this.#options.executionsTotal.add(1, { runtime, outcome: code, cached: String(cached) })
    return executed
  }

  async #run({ session, defined, params }: Execution, caller: Caller): Promise<Executed> {
    const { invocations } = this.#options
    const { executor } = session
    if (executor === undefined) {
      return executedOf(await invocations.execute(defined, params, session, caller))
    }
    const { pins } = this.#options
    if (pins.isGone(executor)) throw this.#lost(session)
    using watched = pins.watch(executor)
    const whenGone: Caller['whenGone'] = (cancel) => {
      caller.whenGone(cancel)
      watched.gone.addEventListener('abort', cancel, { once: true })
    }
    try {
      return executedOf(
        await invocations.execute(defined, params, session, { ...caller, whenGone }),
      )
    } catch (error) {
      throw watched.gone.aborted ? this.#lost(session) : error
    }
  }

  /** The client does not wait for everybody to hear of it. */
  #lost(session: KnownSession): Error {
    const { commands, log } = this.#options
    const { session_id: sessionId } = session
    commands.close(session, 'lost', { correlationid: randomUUID() }).catch((error: unknown) => {
      log.warn('lost_session_not_closed', { sessionId, error })
    })
    return sessionLost()
  }
}

function executedOf({ job_id, duration_ms, result = null, error }: JobReplyEnd): Executed {
  if (error !== undefined) return { job_id, cached: false, outcome: { error } }
  const execution_time = Math.round(duration_ms ?? 0)
  return { job_id, cached: false, outcome: { execution_time, result } }
}
