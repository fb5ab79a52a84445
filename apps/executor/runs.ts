/**
 * One claimed run command: decode → guard → run → say what came of it → settle.
 *
 * Invariants:
 * 1. The command is acknowledged only after its end is on EVENTS.
 * 2. A failure of the user's code is a result, which its function may want followed by another run
 *    (`retries.ts`); else only a failure of the sandbox, or the loss of this process, leads to
 *    another attempt. What cannot be run here, or is cut off by a stop, is
 *    returned: that counts as no attempt.
 * 3. A command that came back is looked up in the log before it is run again.
 * 4. A job that is cancelled is not run, and what runs of it is cut off: its end is on the log.
 */
import type { JsMsg } from '@nats-io/jetstream'
import {
  claimJob,
  exhausted,
  isStale,
  jobFailed,
  jobReturned,
  jobStarted,
  jobSucceeded,
  lostWithSession,
  noRun,
  overdue,
  retryDelayMs,
} from '#domain/job.ts'
import { causedBy } from '#events/envelope.ts'
import type { FunctionVersion, Runtime } from '#events/functions.ts'
import { CALLS } from '#events/streams.ts'
import { jobMessageId, type JobEnded, type JobError, type RunJob } from '#events/jobs.ts'
import type { Json } from '#events/json.ts'
import { buryMessage } from '#events/jetstream/dead.ts'
import type { Appender } from '#events/jetstream/append.ts'
import { isUnreadable, type Payloads } from '#events/jetstream/payloads.ts'
import { deadlineOf, isPastDeadline, REPLY_HEADER } from '#events/replies.ts'
import { SandboxError, type RunResult, type Sandbox } from '#sandbox/contract.ts'
import type { Log } from '#runtime/log.ts'
import type { Counter } from '#runtime/telemetry.ts'
import type { Cancellations } from './cancellations.ts'
import { DefinitionMissing, type Definitions } from './definitions.ts'
import { NOTHING, type HistoryOf, type RecordedJob } from './history.ts'
import type { Leases } from './lease.ts'
import type { Outcomes } from './outcomes.ts'
import { SessionLost, type RetainedSessions } from './retained-sessions.ts'
import { handOn, retried } from './retries.ts'
import { runOf } from './run-of.ts'
import { giveUpUnreadable } from './unreadable.ts'

const SOURCE = 'sluice/executor'
/** A run that takes longer is shown as running; a shorter one costs one event only. */
const SHOW_RUNNING_AFTER_MS = 100
const TROUBLE_RETRY_MS = 1_000
/** Until another executor, or this one's successor, takes what was returned. */
const RETURN_AFTER_MS = 2_000
const RETURN_AT_STOP_AFTER_MS = 50

export interface RunsOptions {
  readonly payloads: Payloads
  readonly sandbox: Sandbox
  readonly sessions: RetainedSessions
  /** Those that this executor can run. */
  readonly runtimes: ReadonlySet<Runtime>
  readonly definitions: Definitions
  readonly history: HistoryOf
  readonly cancellations: Cancellations
  readonly outcomes: Outcomes
  readonly leases: Leases
  readonly appender: Appender
  readonly runsTotal: Counter
  readonly log: Log
  readonly signal: AbortSignal
}

interface Claimed {
  readonly attempt: number
  /** Its start is said before it is run. */
  readonly record: boolean
  readonly version: FunctionVersion
  readonly recorded: RecordedJob
}

export class Runs {
  readonly #options: RunsOptions

  constructor(options: RunsOptions) {
    this.#options = options
  }

  /** Settles the message, whatever happens; calls `free` when the sandbox is done with it. */
  async settle(message: JsMsg, free: () => void): Promise<void> {
    const { leases, log, signal, payloads } = this.#options
    // A command was accepted, so it ends; a call that nobody waits for is forgotten.
    if (isPastDeadline(message) && message.info.stream === CALLS) {
      leases.ack(message)
      return
    }
    try {
      const opening = payloads.open<RunJob>(message)
      const command = opening instanceof Promise ? await opening : opening
      if (typeof command?.data?.job_id !== 'number') throw new SyntaxError('it names no job')
      await this.#settleCommand(message, command, free)
    } catch (error) {
      if (signal.aborted) {
        leases.handBack(message, 0)
        return
      }
      if (isHopeless(error) && (await this.#giveUp(message, error))) return
      log.error('run_not_settled', { subject: message.subject, seq: message.seq, error })
      leases.handBack(message, TROUBLE_RETRY_MS)
    }
  }

  async #settleCommand(message: JsMsg, command: RunJob, free: () => void): Promise<void> {
    const { history, definitions, cancellations, leases, outcomes } = this.#options
    const { data } = command
    const { redelivered } = message
    const { attempt: from = 1 } = data
    const cancelledAt = cancellations.seqOf(data.job_id)
    if (cancelledAt !== undefined) {
      this.#settleCancelled(message, command, cancelledAt)
      return
    }
    const mustLookUp = redelivered || from > 1 || !cancellations.isCovered(data.accepted_at)
    const recorded = mustLookUp ? await history(data) : NOTHING
    const reading = definitions.at(data.definition_seq)
    const version = reading instanceof Promise ? await reading : reading
    const { max_queue_age: maxAgeS } = version.definition
    const delivery = {
      ...{ redelivered, from },
      isLate: isPastDeadline(message),
      isStale: isStale(data, maxAgeS, Date.now()),
    }
    const claim = claimJob(delivery, recorded)
    switch (claim.kind) {
      case 'settled':
        outcomes.replyWithPlace(message, recorded.endSeq)
        leases.ack(message)
        return
      case 'handed-on':
        if (!claim.said) await handOn(command, claim.failed, outcomes)
        leases.ack(message)
        return
      case 'expired': {
        const error = overdue(delivery.isLate ? undefined : maxAgeS)
        await this.#settleEnd(message, jobFailed(command, noRun(claim.attempts), error, saying()))
        return
      }
      case 'exhausted':
        await this.#exhaust(message, command, claim.attempts)
        return
      case 'run':
        await this.#run(message, command, { ...claim, version, recorded }, free)
    }
  }

  async #run(
    message: JsMsg,
    command: RunJob,
    { attempt, record, version, recorded }: Claimed,
    free: () => void,
  ): Promise<void> {
    const { cancellations, outcomes, leases, log, runsTotal } = this.#options
    const { runtime } = command.data
    if (!this.#options.runtimes.has(runtime)) {
      // Nothing tells the next delivery that a first one was not a run, unless it is said.
      if (!record) await this.#sayReturned(command, attempt, `${runtime} cannot be run here`)
      leases.handBack(message, RETURN_AFTER_MS)
      return
    }
    if (record) await outcomes.append(jobStarted(command, attempt, saying()))
    let end: JobEnded
    using watched = cancellations.watch(command.data.job_id)
    try {
      const result = await this.#inSandbox(command, version, attempt, record, watched.signal)
      end = endOf(command, attempt, result)
    } catch (error) {
      const cancelledAt = cancellations.seqOf(command.data.job_id)
      if (watched.signal.aborted && cancelledAt !== undefined) {
        this.#settleCancelled(message, command, cancelledAt)
        return
      }
      if (error instanceof SessionLost) {
        end = jobFailed(command, noRun(attempt), lostWithSession, saying())
      } else if (!(error instanceof SandboxError)) throw error
      else if (error.code !== 'SANDBOX_FAILED') {
        log.info('run_returned', { ...about(command), attempt, reason: error.code })
        await this.#sayReturned(command, attempt, error.code)
        const stopping = error.code === 'SANDBOX_CLOSED'
        leases.handBack(message, stopping ? RETURN_AT_STOP_AFTER_MS : RETURN_AFTER_MS)
        return
      } else {
        runsTotal.add(1, { runtime, outcome: 'lost' })
        log.warn('run_lost', { ...about(command), attempt, error })
        leases.handBack(message, retryDelayMs(attempt, Math.random()))
        return
      }
    }
    free()
    if (end.type === 'job.failed' && deadlineOf(message) === Infinity) {
      const follow = { policy: version.definition.retry, before: recorded.failed }
      if (await retried(command, end, follow, outcomes)) {
        leases.ack(message)
        runsTotal.add(1, { runtime, outcome: end.data.error.code })
        log.debug('run_failed', { ...about(command), attempt })
        return
      }
    }
    await this.#settleEnd(message, end)
    log.debug('run_ended', { ...about(command), attempt })
  }

  async #settleEnd(message: JsMsg, end: JobEnded): Promise<void> {
    const { outcomes, leases, runsTotal } = this.#options
    const { seq, duplicate } = await outcomes.append(end, isWaitedFor(message))
    // Said before, perhaps by another attempt with another outcome: the first one is the job's end.
    if (duplicate) outcomes.replyWithPlace(message, seq)
    else outcomes.reply(message, seq, end)
    leases.ack(message)
    const outcome = end.type === 'job.succeeded' ? 'success' : end.data.error.code
    runsTotal.add(1, { runtime: end.data.runtime, outcome })
  }

  #settleCancelled(message: JsMsg, command: RunJob, seq: number): void {
    const { outcomes, leases, log, runsTotal } = this.#options
    outcomes.replyWithPlace(message, seq)
    leases.ack(message)
    runsTotal.add(1, { runtime: command.data.runtime, outcome: 'CANCELLED' })
    log.debug('run_cancelled', about(command))
  }

  async #sayReturned(command: RunJob, attempt: number, reason: string): Promise<void> {
    await this.#options.outcomes.append(jobReturned(command, attempt, reason, saying()))
  }

  async #inSandbox(
    command: RunJob,
    version: FunctionVersion,
    attempt: number,
    recorded: boolean,
    signal: AbortSignal,
  ): Promise<RunResult> {
    const { sandbox, sessions, outcomes, log } = this.#options
    let showing: NodeJS.Timeout | undefined
    let shown: Promise<unknown> | undefined
    const show = (started: ReturnType<typeof saying>) => {
      shown = outcomes
        .append(jobStarted(command, attempt, started))
        .catch((error: unknown) => log.warn('start_not_shown', { ...about(command), error }))
    }
    try {
      const onStart = () => {
        if (!recorded) showing = setTimeout(show, SHOW_RUNNING_AFTER_MS, saying())
      }
      const run = { ...runOf(command, version, attempt), signal, onStart }
      const isRetained = command.data.session?.context.retain_session === true
      return await (isRetained ? sessions.run(command, run) : sandbox.run(run))
    } finally {
      clearTimeout(showing)
      // The start, if it is told at all, stands before the end.
      await shown
    }
  }

  /** Tells whether that was possible. */
  async #giveUp(message: JsMsg, { message: reason }: Error): Promise<boolean> {
    const { log } = this.#options
    const about = { subject: message.subject, seq: message.seq }
    try {
      await giveUpUnreadable(message, reason, this.#options)
      log.error('command_unreadable', { ...about, reason })
      return true
    } catch (error) {
      log.warn('not_buried', { ...about, error })
      return false
    }
  }

  async #exhaust(message: JsMsg, command: RunJob, attempts: number): Promise<void> {
    const { outcomes, appender, leases, log, runsTotal } = this.#options
    const error = exhausted(attempts)
    const end = jobFailed(command, noRun(attempts), error, saying())
    // Before its end: who is cut off in between does both again, and the server drops the repeats.
    await buryMessage(appender, message, error.message, {
      ...saying(),
      id: jobMessageId.dead(command.data.job_id),
      code: error.code,
      cause: causedBy(command),
    })
    const { seq } = await outcomes.append(end)
    outcomes.reply(message, seq, end)
    leases.terminate(message, error.code)
    runsTotal.add(1, { runtime: command.data.runtime, outcome: error.code })
    log.error('attempts_exhausted', { ...about(command), attempts })
  }
}

function endOf(
  command: RunJob,
  attempt: number,
  { outcome, usage, logs, logsTruncated }: RunResult,
): JobEnded {
  const run = {
    attempt,
    duration_ms: usage.durationMs,
    cpu_ms: usage.cpuMs,
    memory_bytes: usage.memoryBytes,
    logs,
    logs_truncated: logsTruncated,
  }
  if (!outcome.ok) return jobFailed(command, run, outcome.error satisfies JobError, saying())
  return jobSucceeded(command, run, JSON.parse(outcome.result) as Json, saying())
}

const saying = () => ({ source: SOURCE, time: new Date().toISOString() })

const about = ({ data, correlationid }: RunJob) => ({
  jobId: data.job_id,
  functionId: data.function_id,
  correlationId: correlationid,
})

/** Nobody can ever run it. */
const isHopeless = (error: unknown): error is Error =>
  isUnreadable(error) || error instanceof DefinitionMissing

const isWaitedFor = ({ headers }: JsMsg) => headers?.has(REPLY_HEADER) ?? false
