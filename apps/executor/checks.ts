/** Answers source checks: the sandbox parses the source, without running it. */
import type { JsMsg } from '@nats-io/jetstream'
import type { CheckSource, SourceChecked } from '#events/checks.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { deadlineOf, isPastDeadline, REPLY_HEADER } from '#events/replies.ts'
import { SandboxError, type Sandbox } from '#sandbox/contract.ts'
import type { Log } from '#runtime/log.ts'
import type { Leases } from './lease.ts'

const RETRY_AFTER_MS = 500

export interface ChecksOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly sandbox: Sandbox
  readonly leases: Leases
  readonly log: Log
}

/** Settles one check; never rejects. One that nobody waits for any more is dropped. */
export async function settleCheck(message: JsMsg, options: ChecksOptions): Promise<void> {
  const { bus, payloads, sandbox, leases, log } = options
  if (isPastDeadline(message)) {
    leases.ack(message)
    return
  }
  try {
    const { data } = await payloads.open<CheckSource>(message)
    const checked = await verdict(sandbox, data, until(deadlineOf(message)))
    const inbox = message.headers?.get(REPLY_HEADER)
    if (inbox) bus.nc.publish(inbox, JSON.stringify(checked))
    leases.ack(message)
  } catch (error) {
    if (isPastDeadline(message)) {
      leases.ack(message)
      return
    }
    log.error('check_failed', { seq: message.seq, error })
    leases.handBack(message, RETRY_AFTER_MS)
  }
}

async function verdict(
  sandbox: Sandbox,
  { runtime, code }: CheckSource['data'],
  signal: AbortSignal | undefined,
): Promise<SourceChecked> {
  const { ok, reason } = sandbox.stats().runtimes[runtime]
  if (!ok) {
    return { verdict: 'unavailable', message: `The ${runtime} runtime is unavailable: ${reason}` }
  }
  try {
    const checked = await sandbox.check(runtime, code, signal)
    return checked.ok ? { verdict: 'ok' } : { verdict: 'refused', ...withoutOk(checked) }
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error
    return { verdict: 'unavailable', message: error.message }
  }
}

const until = (deadline: number) =>
  deadline === Infinity ? undefined : AbortSignal.timeout(Math.max(0, deadline - Date.now()))

function withoutOk(checked: { message: string; line?: number; column?: number }) {
  const { message, line, column } = checked
  return { message, ...(line !== undefined && { line }), ...(column !== undefined && { column }) }
}
