/**
 * Executions of sessions: run, or answered with what the same execution came to before.
 *
 * Invariants:
 * 1. Who may not use the session never gets as far as the cache; nor does who asks for one that is
 *    lost.
 * 2. Identical executions at the same time run once. It is nobody's alone, so it goes on when the
 *    one who began it hangs up.
 * 3. A retained session whose executor has gone is lost, and everybody is told so: the state that it
 *    held cannot come back, whoever starts next.
 */
import { randomUUID } from 'node:crypto'
import { Problem } from '#domain/problem.ts'
import { sessionLost } from '#domain/session.ts'
import type { JobError } from '#events/jobs.ts'
import type { Json } from '#events/json.ts'
import type { JobReplyEnd } from '#events/replies.ts'
import type { Log } from '#runtime/log.ts'
import type { Counter } from '#runtime/telemetry.ts'
import type { BegunJobs } from '../jobs/begun-jobs.ts'
import { cacheKey, type CacheControl, type ResultCache } from '../cache/result-cache.ts'
import type { Defined } from '../knowledge/definitions.ts'
import type { Invocations } from '../jobs/invocations.ts'
import type { Caller } from '../jobs/invoked.ts'
import type { Pins } from './pins.ts'
import type { SessionCommands } from './session-commands.ts'
import type { KnownSession } from '../knowledge/sessions.ts'

export interface Execution {
  readonly session: KnownSession
  /** The version that the session is bound to. */
  readonly defined: Defined
  readonly params: Json
  readonly control: CacheControl
}

export interface Executed {
  readonly job_id: number
  readonly cached: boolean
  readonly outcome: Outcome
}

type Outcome =
  | {
      /** In whole milliseconds. */
      readonly execution_time: number
      readonly result: Json
    }
  | { readonly error: JobError }

/** What the cache keeps. */
type Kept = Outcome & { readonly job_id: number }

export interface ExecutionsOptions {
  readonly invocations: Invocations
  readonly begunJobs: BegunJobs
  readonly cache: ResultCache
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
    const { session } = execution
    if (session.executor !== undefined && this.#options.pins.isGone(session.executor)) {
      throw this.#lost(session)
    }
    const executed = (await this.#begun(session, caller)) ?? (await this.#cached(execution, caller))
    const { outcome, cached } = executed
    const code = 'error' in outcome ? outcome.error.code : 'success'
    const labels = { runtime: session.runtime, outcome: code, cached: String(cached) }
    this.#options.executionsTotal.add(1, labels)
    return executed
  }

  async #cached(execution: Execution, caller: Caller): Promise<Executed> {
    const { invocations, cache } = this.#options
    const { session, defined, params, control } = execution
    let ran: Kept | undefined
    const produce = async () => {
      ran = keptOf(await this.#run(execution, caller))
      return { text: JSON.stringify(ran), cacheable: !('error' in ran) }
    }
    const finding = cache.through(keyOf(execution), control, produce)
    const { text, cached } = await unlessGone(finding, caller)
    const { job_id: source, ...outcome } = ran ?? (JSON.parse(text) as Kept)
    // Who joined a run that failed is told of that run.
    if (ran !== undefined || 'error' in outcome) return { job_id: source, cached, outcome }
    const recording = invocations.recordCached(defined, params, { session, source }, caller)
    const job_id = recording instanceof Promise ? await recording : recording
    return { job_id, cached, outcome }
  }

  /** What an earlier try of the same request has come to. */
  async #begun(session: KnownSession, caller: Caller): Promise<Executed | undefined> {
    if (caller.effect.before === undefined) return undefined
    const wanted = { respondAsync: false, waitMs: undefined }
    const begun = await this.#options.begunJobs.answer(session.owner, wanted, caller)
    if (begun === undefined) return undefined
    if (begun.kind === 'accepted') {
      const { job_id } = begun.job
      throw new Problem('UNAVAILABLE', 'The execution has not come to its end.', { job_id })
    }
    const { job_id, ...outcome } = keptOf(begun.end)
    return { job_id, cached: false, outcome }
  }

  async #run({ session, defined, params }: Execution, caller: Caller): Promise<JobReplyEnd> {
    const { invocations, pins } = this.#options
    const { executor } = session
    if (executor === undefined) {
      const whenGone = () => undefined
      return invocations.execute(defined, params, session, { ...caller, whenGone })
    }
    using watched = pins.watch(executor)
    const whenGone: Caller['whenGone'] = (cancel) => {
      watched.gone.addEventListener('abort', cancel, { once: true })
    }
    try {
      return await invocations.execute(defined, params, session, { ...caller, whenGone })
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

function keyOf({ session, params }: Execution): string {
  const { owner, function_id, function_version, context, session_id } = session
  return cacheKey({
    ...{ owner, functionId: function_id, version: function_version, params, context },
    session: context.retain_session ? session_id : undefined,
  })
}

function keptOf({ job_id, duration_ms, result = null, error }: JobReplyEnd): Kept {
  if (error !== undefined) return { job_id, error }
  return { job_id, execution_time: Math.round(duration_ms ?? 0), result }
}

function unlessGone<T>(work: Promise<T>, { whenGone }: Caller): Promise<T> {
  return new Promise((resolve, reject) => {
    work.then(resolve, reject)
    whenGone(() => reject(new Problem('UNAVAILABLE', 'Nobody waits for the answer any more.')))
  })
}
