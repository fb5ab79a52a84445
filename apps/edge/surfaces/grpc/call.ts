/**
 * One call and its answer: what `http/exchange.ts` is to HTTP.
 *
 * Invariants:
 * 1. Every call ends with a status, within bounds: whatever is thrown is translated, a client that
 *    sends nothing or takes nothing for `PATIENCE_MS` is told so, and one that is gone, or whose
 *    deadline has passed, is no longer worked for.
 * 2. The guard comes before the request is read. Its limits and the request id are told first.
 * 3. At most one message of an answer is in flight: the next is made when it has been taken.
 * 4. Calls and requests of HTTP share one bound of how many are in progress.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Metadata, status as Code, type ServerDuplexStream } from '@grpc/grpc-js'
import { Problem } from '#domain/problem.ts'
import type { Log } from '#runtime/log.ts'
import type { Telemetry } from '#runtime/telemetry.ts'
import { continueTrace } from '#runtime/trace.ts'
import type { Guard } from '../../access/guard.ts'
import { ROUTES, type RouteName } from '../../access/routes.ts'
import type { Asking } from '../../chunks/analyses.ts'
import type { Admission } from '../../http/admission.ts'
import { asProblem, requestIdOf } from '../../http/exchange.ts'
import { tellAnswered } from '../../http/request-line.ts'
import { NEW_EFFECT } from '../../idempotency/effect.ts'
import { callerOf } from './caller.ts'
import { NO_MESSAGE, type Received } from './proto.ts'
import { codeOf, statusOf } from './status.ts'

const PATIENCE_MS = 30_000
/** By then the library has told that a client hung up, and had not just ended. */
const HANG_UP_TOLD_MS = 20
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120]

export type Call = ServerDuplexStream<Received, object>

/** What a method sees of its call. */
export interface OpenCall {
  readonly asking: Asking
  /** The next message; undefined: that was all. Wait for it with `patiently`. */
  readonly read: () => Promise<Received | undefined>
  /** Nobody may keep us waiting for ever, and nobody while we stop. */
  readonly patiently: <T>(waiting: Promise<T>) => Promise<T>
  /** Resolves when the client has taken it. */
  readonly send: (message: object) => Promise<void>
  /** Passes the guard once more: what follows counts as a request of its own. */
  readonly passAgain: () => Promise<void>
}

export type Work = (call: OpenCall) => Promise<void>
export type Serve = (call: Call, method: string, route: RouteName, work: Work) => void

export interface CallsOptions {
  readonly guard: Guard
  readonly admission: Admission
  readonly telemetry: Telemetry
  readonly log: Log
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal
}

export function createServe({ guard, admission, telemetry, log, stopping }: CallsOptions): Serve {
  const calls = telemetry.counter('grpc_requests_total', 'gRPC calls ended.')
  const durations = telemetry.histogram(
    'grpc_request_duration_seconds',
    'Time from the call to its status.',
    BUCKETS_S,
  )

  async function answer(call: Call, route: RouteName, requestId: string, work: Work) {
    const gone = new Promise<never>((_, reject) => call.once('cancelled', () => reject(new Gone())))
    const caller = callerOf(call)
    const pass = async () => {
      if (call.cancelled) throw new Gone()
      if (stopping.aborted) throw stops()
      const verdict = await guard(ROUTES[route], caller)
      call.sendMetadata(metadataOf({ ...verdict.headers, 'x-request-id': requestId }))
      if ('refused' in verdict) throw verdict.refused
      return verdict.principal
    }
    const working = async () => {
      const traceparent = continueTrace(caller.headers['traceparent'] as string | undefined)
      const asking = {
        principal: await pass(),
        cause: { correlationid: requestId, traceparent },
        effect: NEW_EFFECT,
        untilMs: Number(call.getDeadline()),
      }
      const patiently = <T>(waiting: Promise<T>) => withPatience(waiting, stopping)
      const messages = call.iterator({ destroyOnReturn: false }) as AsyncIterator<Received>
      await work({
        asking,
        patiently,
        passAgain: async () => void (await pass()),
        read: () => {
          const message = messages.next().then(async (next) => {
            if (next.done !== true) return readable(next.value)
            // Whoever hangs up seems to have ended, for a moment.
            return Promise.race([gone, delay(HANG_UP_TOLD_MS, undefined)])
          })
          // It may be asked for ahead, by somebody who then fails at something else.
          message.catch(() => {})
          return message
        },
        send: async (message) => {
          if (call.cancelled) throw new Gone()
          await withPatience(new Promise<void>((resolve) => call.write(message, () => resolve())))
        },
      })
    }
    await Promise.race([working(), gone])
    call.end()
  }

  async function serve(call: Call, method: string, route: RouteName, work: Work): Promise<void> {
    const startedAt = performance.now()
    const requestId = requestIdOf(callerOf(call))
    const admitted = admission.enter()
    let code = Code.OK
    let problem: Problem | undefined
    try {
      if (!admitted) throw new Problem('OVERLOADED', 'Too many requests at once.')
      await answer(call, route, requestId, work)
    } catch (error) {
      if (call.cancelled) {
        code = Date.now() >= Number(call.getDeadline()) ? Code.DEADLINE_EXCEEDED : Code.CANCELLED
      } else {
        problem = asProblem(error)
        code = codeOf(problem)
        const status = statusOf(problem)
        status.metadata.set('x-request-id', requestId)
        call.emit('error', status)
      }
    } finally {
      if (admitted) admission.leave()
    }
    const durationMs = performance.now() - startedAt
    const labels = { method, code: Code[code] }
    calls.add(1, labels)
    durations.record(durationMs / 1_000, labels)
    const responseTime = Number(durationMs.toFixed(1))
    const path = call.getPath()
    const answered = { requestId, method: 'gRPC', path, statusCode: code, responseTime }
    tellAnswered(log, answered, { problem, isRoutineTold: true })
  }

  return (call, method, route, work) => {
    serve(call, method, route, work).catch((error: unknown) => {
      log.error('request_failed', { path: call.getPath(), error })
      call.destroy()
    })
  }
}

/** The client has gone, or its deadline has passed: nobody is left to be told anything. */
class Gone extends Error {}

function readable(received: Received): Received {
  if (received.message !== NO_MESSAGE) return received
  const details = { field: 'body', constraint: 'protobuf' }
  throw new Problem('INVALID_REQUEST', 'The message is not of the type it should be.', details)
}

/** `stopping` ends a wait for what need not come. */
async function withPatience<T>(waiting: Promise<T>, stopping?: AbortSignal): Promise<T> {
  const enough = Promise.withResolvers<never>()
  const timer = setTimeout(() => enough.reject(tooSlow()), PATIENCE_MS)
  const stop = () => enough.reject(stops())
  stopping?.addEventListener('abort', stop)
  if (stopping?.aborted === true) stop()
  try {
    return await Promise.race([waiting, enough.promise])
  } finally {
    clearTimeout(timer)
    stopping?.removeEventListener('abort', stop)
  }
}

const stops = () => new Problem('UNAVAILABLE', 'This server is being stopped; another may answer.')

function tooSlow(): Problem {
  return new Problem('TIMEOUT', `Nothing was sent or taken for ${PATIENCE_MS / 1_000} seconds.`)
}

function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}
