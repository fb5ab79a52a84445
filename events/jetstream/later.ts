/**
 * Jobs for later: each waits on EVENTS as `job.delayed`, and becomes a run command on COMMANDS when
 * its time has come. Whoever appends that event, fsynced like any other, need do nothing more.
 *
 * The server's own message schedules are no use here (tried on 2.15.1): a stream has them only with
 * discard *old*, which forgets what was accepted; they fire only into their own stream, so COMMANDS
 * would hold them, and be cut behind them by the handler's reclaim; and they drop the `Nats-Msg-Id`.
 *
 * Invariants:
 * 1. Nothing is fired before its time. What a killed server forgets of a delay it delivers early,
 *    and it is put back.
 * 2. What is due is fired once, whoever is killed in between: at once under the command's message
 *    id, which the server's dedupe window covers; `FRESH_MS` past its time only after a look at the
 *    log, since somebody may have fired it and died before he could say so.
 * 3. An event is acknowledged when its command is stored. A full log is waited out.
 * 4. A pending one costs the server some 550 bytes of memory; it fires within milliseconds.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { causedBy, envelope } from '../envelope.ts'
import { jobMessageId, type JobDelayed, type RunData, type RunJob } from '../jobs.ts'
import { EVENTS, laterDurable } from '../streams.ts'
import { subjects } from '../subjects.ts'
import type { Appender } from './append.ts'
import type { Bus } from './bus.ts'
import { consumeDurable, type Consumption } from './consume.ts'
import { buryMessage } from './dead.ts'
import { createFired, type HasFired } from './fired.ts'
import { isUnreadable, type Payloads } from './payloads.ts'

/** The message id protects what was fired so lately, even if the server is restarted meanwhile. */
const FRESH_MS = 2_000
const TROUBLE_RETRY_MS = 1_000
const WAITING_MAX = 256

const DAY_MS = 86_400_000
const LATER_DAYS_MAX = 30

/** How far away a time may be: a day before the log forgets what waits for it. */
export function laterMaxMs(eventTtlDays: number): number {
  return Math.min(LATER_DAYS_MAX, eventTtlDays - Math.min(1, eventTtlDays / 2)) * DAY_MS
}

export interface LaterOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
  /** The process that fires, such as `sluice/handler`. */
  readonly source: string
  /** Sees to it that somebody will read the command. */
  readonly prepare: (due: JobDelayed) => Promise<void> | void
  readonly onFired: (due: JobDelayed) => void
  readonly onTrouble: (event: string, fields: Record<string, unknown>) => void
}

/** Fires what is due until told to stop. Any number of processes may do so at once. */
export class Later implements AsyncDisposable {
  readonly #options: LaterOptions
  readonly #hasFired: HasFired
  readonly #consumption: Consumption
  readonly #settling = new Set<Promise<void>>()

  constructor(options: LaterOptions) {
    this.#options = options
    this.#hasFired = createFired(options.bus)
    this.#consumption = consumeDurable(options.bus, {
      stream: EVENTS,
      durable: laterDurable,
      maxMessages: WAITING_MAX,
      onMessage: (message) => {
        const settling = this.#settle(message).finally(() => this.#settling.delete(settling))
        this.#settling.add(settling)
      },
      onTrouble: options.onTrouble,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumption.stop()
    await Promise.all(this.#settling)
  }

  /** Never rejects. */
  async #settle(message: JsMsg): Promise<void> {
    const { payloads, onFired, onTrouble } = this.#options
    const about = { subject: message.subject, seq: message.seq }
    try {
      const due = await payloads.open<JobDelayed>(message)
      const dueMs = Date.parse(due?.data?.due_at)
      if (Number.isNaN(dueMs)) throw new SyntaxError('it names no time')
      const nowMs = Date.now()
      if (nowMs < dueMs) {
        message.nak(dueMs - nowMs)
        return
      }
      const isFresh = nowMs - dueMs < FRESH_MS
      if (isFresh || !(await this.#hasFired(due))) {
        await this.#fire(due)
        onFired(due)
      }
      message.ack()
    } catch (error) {
      if (isUnreadable(error) && (await this.#giveUp(message, error))) return
      onTrouble('not_fired', { ...about, error })
      message.nak(TROUBLE_RETRY_MS)
    }
  }

  async #fire(due: JobDelayed): Promise<void> {
    const { payloads, appender, source, prepare } = this.#options
    const command = commandOf(due, { source, time: new Date().toISOString() })
    const { payload, headers = [] } = await payloads.seal(command, 'as-long-as-the-log')
    const { traceparent } = command
    await prepare(due)
    await appender.append({
      subject: subjects.runJob(due.data.runtime, due.data.function_id),
      id: command.id,
      payload,
      headers: traceparent === undefined ? headers : [...headers, ['traceparent', traceparent]],
    })
  }

  /** Nobody will ever make sense of it; its job is ended as overdue. Tells whether it was buried. */
  async #giveUp(message: JsMsg, { message: reason }: Error): Promise<boolean> {
    const { appender, source, onTrouble } = this.#options
    const about = { subject: message.subject, seq: message.seq, reason }
    const saying = { source, time: new Date().toISOString() }
    try {
      await buryMessage(appender, message, reason, {
        ...saying,
        code: 'UNREADABLE',
        id: `${EVENTS}:${message.seq}:dead`,
      })
    } catch (error) {
      onTrouble('not_buried', { ...about, error })
      return false
    }
    onTrouble('delayed_unreadable', about)
    message.term('UNREADABLE')
    return true
  }
}

function commandOf(due: JobDelayed, saying: { source: string; time: string }): RunJob {
  const { job_id, function_id, attempt } = due.data
  const data: RunData & { due_at?: string } = { ...due.data }
  delete data.due_at
  return envelope(
    { ...saying, cause: causedBy(due) },
    {
      id: jobMessageId.run(job_id, attempt),
      type: 'job.run',
      subject: String(function_id),
      data,
    },
  )
}
