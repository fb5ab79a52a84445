/** Asks an executor whether source parses; no executor in time is the asker's problem to report. */
import { headers as newHeaders } from '@nats-io/nats-core'
import { Problem } from '#domain/problem.ts'
import type { SourceChecked } from '#events/checks.ts'
import { envelope, type Cause } from '#events/envelope.ts'
import type { Runtime } from '#events/functions.ts'
import { RpcError } from '#events/jetstream/rpc.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { DEADLINE_HEADER, REPLY_HEADER } from '#events/replies.ts'
import { subjects } from '#events/subjects.ts'
import type { PresenceWatch } from '#runtime/presence.ts'

/** Parsing takes milliseconds. A compile may take eight seconds of a processor, and has to wait. */
const CHECK_TIMEOUT_MS = 11_000

export interface Source {
  readonly runtime: Runtime
  readonly code: string
}

/** Resolves if the source parses; rejects with a `Problem` that says where it does not. */
export type CheckSourceOf = (source: Source, id: string, cause: Cause) => Promise<void>

export function createSourceCheck(
  bus: Bus,
  payloads: Payloads,
  presence: Pick<PresenceWatch, 'list'>,
): CheckSourceOf {
  return async ({ runtime, code }, id, cause) => {
    const source = { runtime, code }
    const reason = whyNobodyCan(source.runtime, presence)
    if (reason !== undefined) judge(source, { verdict: 'unavailable', message: reason })
    const subject = subjects.check(source.runtime)
    const { inbox, reply } = bus.rpc.expect(subject, CHECK_TIMEOUT_MS)
    const said = { source: 'sluice/handler', time: new Date().toISOString(), cause }
    const message = envelope(said, { id, type: 'source.check', subject: 'check', data: source })
    const sealed = await payloads.seal(message, 'as-long-as-the-log')
    const headers = newHeaders()
    headers.set(REPLY_HEADER, inbox)
    headers.set(DEADLINE_HEADER, String(Date.now() + CHECK_TIMEOUT_MS))
    for (const [name, value] of sealed.headers ?? []) headers.set(name, value)
    bus.rpc.send(subject, sealed.payload, headers)
    judge(source, await answered(reply, source.runtime))
  }
}

/** Executors do not listen for what they cannot run; if all that are here say so, it is known why. */
function whyNobodyCan(runtime: Runtime, presence: Pick<PresenceWatch, 'list'>): string | undefined {
  const reasons = presence.list('executor').map(({ state }) => {
    const { runtimes } = (state['sandbox'] ?? {}) as Partial<SandboxSeen>
    const { ok, reason } = runtimes?.[runtime] ?? {}
    return ok === false && (reason ?? 'its sandbox is unavailable')
  })
  const [first] = reasons
  if (first === undefined || reasons.includes(false)) return undefined
  return `The ${runtime} runtime is unavailable: ${String(first)}`
}

/** What an executor says of its sandbox while it is here. */
interface SandboxSeen {
  readonly runtimes: Partial<Record<Runtime, { readonly ok?: boolean; readonly reason?: string }>>
}

async function answered(
  reply: Promise<{ json<T>(): T }>,
  runtime: Runtime,
): Promise<SourceChecked> {
  try {
    return (await reply).json<SourceChecked>()
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    throw new Problem(
      'UNAVAILABLE',
      `No executor checked the ${runtime} source in time.`,
      undefined,
      {
        cause: error,
      },
    )
  }
}

function judge({ runtime }: Source, checked: SourceChecked): void {
  switch (checked.verdict) {
    case 'ok':
      return
    case 'unavailable':
      throw new Problem('UNAVAILABLE', checked.message, { field: 'runtime', runtime })
    case 'refused': {
      const { message, line, column } = checked
      throw new Problem('CODE_INVALID', message, {
        field: 'code',
        ...(line !== undefined && { line }),
        ...(column !== undefined && { column }),
      })
    }
  }
}
