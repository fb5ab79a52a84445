/**
 * Invocations: an event in, a finished or an accepted job out.
 *
 * Three ways, and what each promises:
 * - a call goes through CALLS (memory): the answer is the outcome, which is on disk by then;
 * - a command goes through COMMANDS (fsynced): the answer is the acceptance, and whoever prefers to
 *   wait gets the outcome instead if it comes in time;
 * - what is to run later waits on EVENTS, and becomes a command when its time has come.
 * Whatever may be answered with 202 is a command, and so are the calls of a function that says how
 * many of its runs may be in flight: only its durable on COMMANDS counts them.
 */
import { headers as newHeaders } from '@nats-io/nats-core'
import { jobDelayed } from '#domain/job.ts'
import type { JobStatus, RunJob } from '#events/jobs.ts'
import type { Json } from '#events/json.ts'
import type { Ids } from '#events/jetstream/ids.ts'
import type { Sealed } from '#events/jetstream/payloads.ts'
import { RpcError } from '#events/jetstream/rpc.ts'
import { DEADLINE_HEADER, REPLY_HEADER, SESSION_HEADER, type JobReplyEnd } from '#events/replies.ts'
import { CALL_GRACE_MS } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { stored } from '../commands.ts'
import type { Preference } from '../http/prefer.ts'
import type { Defined } from '../knowledge/definitions.ts'
import type { KnownSession } from '../knowledge/sessions.ts'
import type { LogRoom } from '../log-room.ts'
import type { CachedJobs } from './cached-jobs.ts'
import { Enqueuer, type EnqueuerOptions } from './enqueuer.ts'
import type { Caller, Invoked } from './invoked.ts'
import { callProblem, Outcomes, type OutcomesOptions } from './outcomes.ts'
import { inJob, runJob, SOURCE } from './run-command.ts'

/** How a caller wants it run. */
export interface Wanted extends Preference {
  /** ISO 8601: not before. It is then accepted, and not waited for. */
  readonly runAt?: string | undefined
  /** The job whose work it does again. */
  readonly redrivenFrom?: number | undefined
}

export interface InvocationsOptions extends EnqueuerOptions, OutcomesOptions {
  readonly jobIds: Ids
  readonly room: LogRoom
  /** How long the log keeps a job's events. */
  readonly ttlDays: number
  readonly cachedJobs: CachedJobs
}

export class Invocations {
  readonly #options: InvocationsOptions
  readonly #enqueuer: Enqueuer
  readonly #outcomes: Outcomes

  constructor(options: InvocationsOptions) {
    this.#options = options
    this.#enqueuer = new Enqueuer(options)
    this.#outcomes = new Outcomes(options)
  }

  async invoke(
    defined: Defined,
    input: Json,
    { respondAsync, waitMs, runAt, redrivenFrom }: Wanted,
    caller: Caller,
  ): Promise<Invoked> {
    const startedAt = performance.now()
    this.#options.room.require()
    const taking = caller.effect.newId(this.#options.jobIds)
    const jobId = typeof taking === 'number' ? taking : await taking
    const run = runJob(defined, jobId, input, caller.cause)
    const command =
      redrivenFrom === undefined
        ? run
        : { ...run, data: { ...run.data, redriven_from: redrivenFrom } }
    const mayAnswerAccepted =
      respondAsync ||
      waitMs !== undefined ||
      runAt !== undefined ||
      defined.definition.execution_type === 'async'
    const invoked =
      runAt !== undefined
        ? await this.#delay(command, runAt, caller)
        : mayAnswerAccepted
          ? await this.#accept(defined, command, waitMs ?? 0, caller)
          : { kind: 'ended' as const, end: await this.#call(defined, command, caller) }
    this.#tell(invoked, command, caller, { startedAt, isCall: !mayAnswerAccepted })
    return invoked
  }

  /** An execution of a session is a call; a retained session's goes to where its process is. */
  async execute(
    defined: Defined,
    input: Json,
    session: KnownSession,
    caller: Caller,
  ): Promise<JobReplyEnd> {
    const startedAt = performance.now()
    this.#options.room.require()
    const taking = caller.effect.newId(this.#options.jobIds)
    const jobId = typeof taking === 'number' ? taking : await taking
    const command = runJob(defined, jobId, input, caller.cause)
    const execution = { ...command, data: { ...command.data, session: inJob(session) } }
    const end = await this.#call(defined, execution, caller, session)
    this.#tell({ kind: 'ended', end }, execution, caller, { startedAt, isCall: true })
    return end
  }

  /** An execution that was answered with what the job `source` had come to; its own id. */
  recordCached(
    defined: Defined,
    input: Json,
    { session, source }: { readonly session: KnownSession; readonly source: number },
    { effect, cause }: Caller,
  ): number | Promise<number> {
    this.#options.room.require()
    const record = (jobId: number) => {
      const { data } = runJob(defined, jobId, input, cause)
      this.#options.cachedJobs.record({ ...data, session: inJob(session) }, source, cause)
      return jobId
    }
    const taking = effect.newId(this.#options.jobIds)
    return taking instanceof Promise ? taking.then(record) : record(taking)
  }

  #tell(
    invoked: Invoked,
    { data }: RunJob,
    caller: Caller,
    { startedAt, isCall }: { readonly startedAt: number; readonly isCall: boolean },
  ): void {
    // A line costs 5 of the 240 µs that a warm call takes of the edge, and its forwarding on top.
    const isRoutine = isCall && statusOf(invoked) === 'success'
    this.#options.log[isRoutine ? 'debug' : 'info'](`job_${invoked.kind}`, {
      requestId: caller.requestId,
      correlationId: caller.cause.correlationid,
      jobId: data.job_id,
      functionId: data.function_id,
      status: statusOf(invoked),
      durationMs: performance.now() - startedAt,
    })
  }

  /** On EVENTS until its time has come. */
  async #delay(
    { data, time, correlationid, traceparent }: RunJob,
    run_at: string,
    { effect }: Caller,
  ): Promise<Invoked> {
    const { payloads, appender, ttlDays } = this.#options
    const { job_id, function_id, function_version, accepted_at } = data
    const dueAt = run_at < time ? time : run_at
    const cause = { correlationid, ...(traceparent !== undefined && { traceparent }) }
    const said = { source: SOURCE, time, cause }
    const event = jobDelayed({ ...data, run_at }, dueAt, 1, said)
    const sealed = await stored(payloads.seal(event, 'as-long-as-the-log'))
    const subject = subjects.jobEvent(function_id, 'delayed')
    effect.requireMine()
    await stored(appender.append({ ...sealed, subject, id: event.id, ttlDays }))
    const job = { job_id, function_id, function_version, accepted_at, run_at }
    return { kind: 'accepted', job: { ...job, queue_position: null, expected_start: null } }
  }

  async #call(
    defined: Defined,
    command: RunJob,
    caller: Caller,
    session?: KnownSession,
  ): Promise<JobReplyEnd> {
    const { bus } = this.#options
    const { definition, function_id } = defined
    const { timeout_ms = definition.timeout_ms } = session?.context ?? {}
    // A pinned process runs one at a time, and only where it is.
    if (definition.concurrency !== undefined && session?.executor === undefined) {
      return this.#callCounted(defined, command, caller, timeout_ms)
    }
    this.#enqueuer.use(function_id)
    const waitMs = timeout_ms + CALL_GRACE_MS
    const subject =
      session?.executor === undefined
        ? subjects.call(definition.runtime, function_id)
        : subjects.sessionCall(session.executor)
    const sealing = this.#options.payloads.seal(command, 'as-long-as-the-log')
    const sealed = sealing instanceof Promise ? await stored(sealing) : sealing
    const expected = bus.rpc.expect(subject, waitMs)
    const { inbox } = expected
    const headers = this.#headers(command, sealed)
    headers.set(REPLY_HEADER, inbox)
    headers.set(DEADLINE_HEADER, String(Date.now() + waitMs))
    headers.set('Nats-Msg-Id', command.id)
    if (session !== undefined) headers.set(SESSION_HEADER, `${function_id}/${session.session_id}`)
    // Without a connection the client would take the call, and forget it when it reconnects.
    if (bus.disconnected) throw callProblem(new RpcError('DISCONNECTED', subject), command)
    caller.effect.requireMine()
    // As the reply subject too, although CALLS acknowledges nothing: without the stream, the server
    // says at once that nobody is there.
    bus.nc.publish(subject, sealed.payload, { headers, reply: inbox })
    return this.#outcomes.ofCall(expected, command, caller)
  }

  /** A call that waits its turn like every other run of its function. */
  async #callCounted(
    defined: Defined,
    command: RunJob,
    caller: Caller,
    timeoutMs: number,
  ): Promise<JobReplyEnd> {
    const waitMs = timeoutMs + CALL_GRACE_MS
    const deadline = String(Date.now() + waitMs)
    const subject = subjects.runJob(defined.definition.runtime, defined.function_id)
    const expected = this.#options.bus.rpc.expect(subject, waitMs)
    await this.#enqueuer.enqueue(defined, command, caller, [
      [REPLY_HEADER, expected.inbox],
      [DEADLINE_HEADER, deadline],
    ])
    return this.#outcomes.ofCall(expected, command, caller)
  }

  async #accept(
    defined: Defined,
    command: RunJob,
    waitMs: number,
    caller: Caller,
  ): Promise<Invoked> {
    const { definition, function_id } = defined
    const subject = subjects.runJob(definition.runtime, function_id)
    const waiting = waitMs > 0 ? this.#options.bus.rpc.expect(subject, waitMs) : undefined
    const headers = waiting === undefined ? [] : [[REPLY_HEADER, waiting.inbox] as const]
    const { position, expectedStart } = await this.#enqueuer.enqueue(
      defined,
      command,
      caller,
      headers,
    )
    const end = waiting && (await this.#outcomes.inTime(waiting, command.data.job_id, caller))
    if (end !== undefined) return { kind: 'ended', end }
    const { job_id, function_version, accepted_at } = command.data
    const job = { job_id, function_id, function_version, accepted_at }
    // Whoever has waited since is elsewhere in the queue by now.
    const queued = waiting === undefined
    const queue_position = queued ? position : null
    const expected_start = queued ? expectedStart : null
    return { kind: 'accepted', job: { ...job, queue_position, expected_start } }
  }

  #headers(command: RunJob, sealed: Sealed) {
    const headers = newHeaders()
    for (const [name, value] of sealed.headers ?? []) headers.set(name, value)
    if (command.traceparent !== undefined) headers.set('traceparent', command.traceparent)
    return headers
  }
}

const statusOf = (invoked: Invoked): JobStatus => {
  if (invoked.kind === 'accepted') return 'pending'
  return invoked.end.error === undefined ? 'success' : 'failed'
}
