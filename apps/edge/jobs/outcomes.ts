/**
 * Outcomes: waiting for what becomes of a job, on behalf of somebody who may hang up.
 *
 * Who hangs up is no longer waited for; the job goes on.
 */
import { Problem } from '#domain/problem.ts'
import type { JobEnded, RunJob } from '#events/jobs.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import { RpcError, type ExpectedReply } from '#events/jetstream/rpc.ts'
import type { JobReply, JobReplyEnd } from '#events/replies.ts'
import type { Log } from '#runtime/log.ts'
import type { BegunJobs } from './begun-jobs.ts'
import type { CancelledWaits } from './cancelled-waits.ts'
import type { Caller } from './invoked.ts'

export interface OutcomesOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly begunJobs: BegunJobs
  readonly cancelledWaits: CancelledWaits
  readonly log: Log
}

export class Outcomes {
  readonly #options: OutcomesOptions

  constructor(options: OutcomesOptions) {
    this.#options = options
  }

  /** Of a call: there is no answer without it. */
  async ofCall(expected: ExpectedReply, command: RunJob, caller: Caller): Promise<JobReplyEnd> {
    const { begunJobs, cancelledWaits } = this.#options
    const { inbox, reply } = expected
    // Nobody hears the answer any more: the room that its wait takes belongs to others.
    caller.whenGone(expected.cancel)
    const forget = cancelledWaits.add(command.data.job_id, inbox)
    try {
      const replied = reply.then((message) => this.#endOf(message))
      const { owner, job_id } = command.data
      const isFirst = caller.effect.before === undefined
      return await (isFirst ? replied : begunJobs.replyOrEnd(replied, owner, job_id))
    } catch (error) {
      if (error instanceof RpcError && error.code === 'CLOSED') {
        const { job_id: jobId } = command.data
        this.#options.log.info('job_left', { requestId: caller.requestId, jobId })
      }
      throw callProblem(error, command)
    } finally {
      forget()
    }
  }

  /** Accepted it is in any case: whatever keeps the outcome away, the answer is 202. */
  async inTime(
    { inbox, reply, cancel }: ExpectedReply,
    jobId: number,
    caller: Caller,
  ): Promise<JobReplyEnd | undefined> {
    caller.whenGone(cancel)
    const forget = this.#options.cancelledWaits.add(jobId, inbox)
    try {
      return await this.#endOf(await reply)
    } catch {
      return undefined
    } finally {
      forget()
    }
  }

  async #endOf(reply: Reply): Promise<JobReplyEnd> {
    const { seq, end } = reply.json<JobReply>()
    if (end !== undefined) return end
    try {
      const { bus, payloads } = this.#options
      const recorded = await readEvent<JobEnded>(bus, payloads, { seq })
      if (recorded === undefined) throw new Error(`no event at ${seq}`)
      return recorded.event.data
    } catch (cause) {
      throw new Problem('UNAVAILABLE', 'The outcome could not be read.', undefined, { cause })
    }
  }
}

interface Reply {
  json<T>(): T
}

export function callProblem(error: unknown, { data }: RunJob): unknown {
  if (!(error instanceof RpcError)) return error
  const details = { job_id: data.job_id }
  if (error.code === 'TIMEOUT') {
    return new Problem('TIMEOUT', 'The call was not finished in time.', details, { cause: error })
  }
  const message = 'The call was cut off; it may or may not have run.'
  return new Problem('UNAVAILABLE', message, details, { cause: error })
}
