/**
 * One request and its answer, as every surface sees them.
 *
 * Invariants:
 * 1. Every answer carries `X-Request-Id`, and every problem is rendered by its surface: whatever a
 *    handler throws, the client gets that surface's own format.
 * 2. No header is touched once the response exists: that would cost two thirds of the throughput.
 * 3. The edge holds at most `maxConcurrent` requests; one more is told to come back. Whoever hangs
 *    up makes room as soon as its handler hears of it.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import type { Context, Hono } from 'hono'
import { Problem } from '#domain/problem.ts'
import type { Cause } from '#events/envelope.ts'
import type { Log } from '#runtime/log.ts'
import type { Telemetry } from '#runtime/telemetry.ts'
import { continueTrace } from '#runtime/trace.ts'
import type { Guard, Verdict } from '../access/guard.ts'
import type { Principal } from '../access/principal.ts'
import { ROUTES, type RouteAccess, type RouteName } from '../access/routes.ts'
import type { Content } from '../documents/operation.ts'
import { NEW_EFFECT, type Effect } from '../idempotency/effect.ts'
import type { AnswerOnce } from '../idempotency/once.ts'
import { isLogAway } from '../log-away.ts'
import type { Admission } from './admission.ts'
import { bytesToCome, discardRest, hasBody } from './body.ts'
import { optionsHeaders, VARY } from './cors.ts'
import { deprecationHeaders } from './deprecation.ts'
import { onlyOne, queryOf } from './query.ts'
import { tellAnswered } from './request-line.ts'

/** Nobody gets it: it tells the metrics how the request ended. */
const GONE: Answer = { status: 499 }
const NO_ACCESS_NEEDED: RouteAccess = { scopes: [] }
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

export type App = Hono<{ Bindings: HttpBindings }>
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Exchange {
  readonly incoming: IncomingMessage
  /** What its body may come to. */
  readonly maxBodyBytes: number
  readonly requestId: string
  readonly principal: Principal
  /** What every message that comes of this request carries on. */
  readonly cause: Cause
  readonly param: (name: string) => string
  readonly query: (name: string) => string | undefined
  readonly header: (name: string) => string | undefined
  /** Calls back when the client has gone, or has its answer. */
  readonly whenGone: (callback: () => void) => void
  /** What the request creates; with an Idempotency-Key, once. */
  readonly effect: Effect
  /** Whether these credentials still give what they gave, for an answer that goes on for long. */
  readonly stillMay: (scopes?: RouteAccess['scopes']) => Promise<boolean>
  /** Aborts when the process has been asked to stop. */
  readonly stopping: AbortSignal
}

export interface Answer {
  readonly status: number
  /**
   * JSON text; none: no content. A stream goes out as it comes, and is cancelled when the client has
   * gone: it holds no room among the requests in progress, is never kept for an Idempotency-Key, and
   * whoever makes it ends it when `stopping` aborts. The server closes later what is then still open.
   */
  readonly body?: string | ReadableStream<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
}

export interface WholeAnswer extends Answer {
  readonly body?: string
}

export type Handle = (exchange: Exchange) => Promise<Answer> | Answer

/** How one API says no. */
export interface Dialect {
  readonly contentType: string
  /** What `render` makes, for the document of the API. */
  readonly refusal: Content
  /** Its document wants each answer timed: in milliseconds, in `X-Response-Time` and in the log. */
  readonly timesAnswers?: true
  /** `about`: the id in the path that the API calls `request_id`, where it has one. */
  render(problem: Problem, requestId: string, about?: string): WholeAnswer
}

export interface RouterOptions {
  readonly app: App
  readonly dialect: Dialect
  readonly telemetry: Telemetry
  readonly log: Log
  readonly admission: Admission
  readonly guard: Guard
  readonly once: AnswerOnce
  /** What a body may come to where its route does not say, and where that takes large ones. */
  readonly maxBodyBytes: number
  readonly maxLargeBodyBytes: number
  readonly stopping: AbortSignal
}

export class Router {
  readonly #options: RouterOptions
  readonly #routes: Readonly<Record<RouteName, RouteAccess>>
  readonly #methods = new Map<string, Method[]>()

  constructor(options: RouterOptions, routes: Readonly<Record<RouteName, RouteAccess>> = ROUTES) {
    this.#options = options
    this.#routes = routes
  }

  /** `route` is a method and a path template, as the table of access names it. */
  on(route: RouteName, handle: Handle): void {
    const [method, template] = route.split(' ') as [Method, string]
    this.#methods.set(template, [...(this.#methods.get(template) ?? []), method])
    const access = this.#routes[route]
    const { deprecated } = access
    const always = deprecated && deprecationHeaders(deprecated)
    this.#options.app.on(method, template, (context) =>
      this.#answer(context, template, access, handle, always),
    )
  }

  /** Call it after the last `on`: answers OPTIONS, refuses the methods that a path does not have. */
  close(): void {
    const { app } = this.#options
    // A word of a path before what stands for any word.
    const templates = [...this.#methods].sort(([a], [b]) => parameters(a) - parameters(b))
    for (const [template, methods] of templates) {
      const allow = allowed(methods)
      app.options(template, (context) =>
        this.#answer(context, template, NO_ACCESS_NEEDED, ({ header }) => ({
          status: 204,
          headers: optionsHeaders(template, allow, header('origin')),
        })),
      )
      app.all(template, (context) =>
        this.#answer(context, template, NO_ACCESS_NEEDED, () => {
          throw methodNotAllowed(context.req.method, allow)
        }),
      )
    }
  }

  #maxBodyBytes({ body }: RouteAccess): number {
    const { maxBodyBytes, maxLargeBodyBytes } = this.#options
    return body === 'large' ? maxLargeBodyBytes : (body ?? maxBodyBytes)
  }

  async #answer(
    context: Context<{ Bindings: HttpBindings }>,
    template: string,
    access: RouteAccess,
    handle: Handle,
    always?: Answer['headers'],
  ): Promise<Response> {
    const { dialect, telemetry, log, admission, guard, once, stopping } = this.#options
    const startedAt = performance.now()
    const { incoming, outgoing } = context.env
    const requestId = requestIdOf(incoming)
    const about = context.req.param('request_id')
    const maxBodyBytes = this.#maxBodyBytes(access)
    const largeBytes = access.body === 'large' ? bytesToCome({ incoming, maxBodyBytes }) : 0
    const admitted = admission.enter(largeBytes)
    let answer: Answer
    let limits: Verdict['headers']
    let problem: Problem | undefined
    try {
      if (!admitted) throw new Problem('OVERLOADED', 'Too many requests at once.')
      const judged = guard(access, incoming)
      const verdict = judged instanceof Promise ? await judged : judged
      limits = verdict.headers
      if ('refused' in verdict) throw verdict.refused
      const { principal } = verdict
      const traceparent = continueTrace(incoming.headers['traceparent'] as string | undefined)
      let asked: URLSearchParams | undefined
      const exchange: Exchange = {
        incoming,
        maxBodyBytes,
        requestId,
        principal,
        cause: { correlationid: requestId, traceparent },
        param: (name) => context.req.param(name) ?? '',
        query: (name) => onlyOne(name, (asked ??= queryOf({ incoming })).getAll(name)),
        header: (name) => context.req.header(name),
        whenGone: (callback) => {
          if (outgoing.destroyed) callback()
          else outgoing.once('close', callback)
        },
        effect: NEW_EFFECT,
        stillMay: (scopes = access.scopes) =>
          stillMay(guard, { ...access, scopes }, incoming, principal),
        stopping,
      }
      const { creates } = access
      const isKeyed = creates !== undefined && 'idempotency-key' in incoming.headers
      const render = (problem: Problem) => dialect.render(problem, requestId, about)
      answer = isKeyed
        ? await once(exchange, handle, { isSecret: creates === 'secret', render })
        : await handle(exchange)
    } catch (error) {
      problem = asProblem(error)
      answer = outgoing.destroyed ? GONE : dialect.render(problem, requestId, about)
    }
    if (admitted) {
      await discardRest(incoming)
      admission.leave(largeBytes)
    }
    const durationMs = performance.now() - startedAt
    const { method, path } = context.req
    telemetry.recordRequest(method, template, answer.status, durationMs)
    const responseTime = Number(durationMs.toFixed(1))
    const isTimed = dialect.timesAnswers
    const answered = { requestId, method, path, statusCode: answer.status, responseTime }
    tellAnswered(log, answered, { problem, isRoutineTold: isTimed })
    const timing = isTimed && { 'x-response-time': String(responseTime) }
    // Its head is all that is asked for, and nobody would read the stream.
    const { body } = answer
    if (incoming.method === 'HEAD' && body instanceof ReadableStream) await body.cancel()
    const more = { ...always, ...limits, ...timing }
    return respond(answer, requestId, dialect.contentType, incoming, more)
  }
}

/** Counts against no limit. While nobody can tell, what was granted lasts. */
async function stillMay(
  guard: Guard,
  { scopes, closed }: RouteAccess,
  incoming: IncomingMessage,
  { owner }: Principal,
): Promise<boolean> {
  try {
    const verdict = await guard({ scopes, ...(closed && { closed }) }, incoming)
    return 'principal' in verdict && verdict.principal.owner === owner
  } catch (error) {
    if (error instanceof Problem && error.code === 'UNAVAILABLE') return true
    throw error
  }
}

/** The caller's own id if it is one that we can pass on, else a fresh one. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

export const isWhole = (answer: Answer): answer is WholeAnswer =>
  !(answer.body instanceof ReadableStream)

function allowed(methods: readonly Method[]): string[] {
  return [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS']
}

const parameters = (template: string) => template.split(':').length

export function methodNotAllowed(method: string, allow: readonly string[]): Problem {
  const headers = { allow: allow.join(', ') }
  return new Problem('METHOD_NOT_ALLOWED', `${method} is not allowed here.`, { allow }, { headers })
}

export function respond(
  { status, body, headers }: Answer,
  requestId: string,
  contentType: string,
  incoming?: IncomingMessage,
  more?: Readonly<Record<string, string>>,
): Response {
  const always = { 'x-request-id': requestId, 'cache-control': 'no-store', ...VARY }
  // A body that nobody reads would be taken for the next request on this connection.
  const isRead = incoming === undefined || incoming.complete || !hasBody(incoming)
  const close = isRead ? undefined : { connection: 'close' }
  const type = body === undefined ? undefined : { 'content-type': contentType }
  return new Response(body ?? null, {
    status,
    headers: { ...always, ...type, ...close, ...more, ...headers },
  })
}

/** What nobody foresaw is ours: told to the log in full, to the client not at all. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isLogAway(error)) {
    return new Problem('UNAVAILABLE', 'The log is out of reach.', undefined, { cause: error })
  }
  return new Problem('INTERNAL', 'Something went wrong on our side.', undefined, { cause: error })
}
