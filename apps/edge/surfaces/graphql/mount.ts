/**
 * GraphQL: the read models by one query, at `POST /graphql`, and no other way: what a browser sends
 * unasked (a form, a link, a picture) is never JSON by POST.
 *
 * Invariants:
 * 1. What is wrong with the request itself is told as everywhere (RFC 9457); what is wrong with the
 *    document or its fields as the specification of GraphQL over HTTP says, and never as a 5xx.
 * 2. A query is done within a time; a subscription lasts until its reader goes or is cut off.
 * 3. The server is loaded when it is first asked: an edge that nobody asks is spared its 40 MB.
 */
import { Problem } from '#domain/problem.ts'
import type { Json } from '#events/json.ts'
import type { Feed } from '../../feed/feed.ts'
import type { Filter } from '../../feed/filter.ts'
import { ROUTES, type RouteName } from '../../access/routes.ts'
import { readJson } from '../../http/body.ts'
import { Router, type Answer, type Exchange, type RouterOptions } from '../../http/exchange.ts'
import type { Queries } from '../../queries.ts'
import { operationsDialect } from '../operations/dialect.ts'
import { Asking } from './asking.ts'
import type { GraphqlServer } from './server.ts'

const WITHIN_MS = 15_000
const RESPONSE_TYPE = 'application/graphql-response+json'

const STREAM_TYPE = 'text/event-stream'
/** A reader that was cut off and still takes nothing is hung up on. */
const HANG_UP_AFTER_MS = 2_000

export interface GraphqlOptions {
  readonly queries: Queries
  readonly feed: Feed
  readonly withinMs?: number
}

export function mountGraphql(
  routing: Omit<RouterOptions, 'dialect'>,
  { queries, feed, withinMs = WITHIN_MS }: GraphqlOptions,
): void {
  const { log } = routing
  const router = new Router({ ...routing, dialect: operationsDialect })
  let loaded: Promise<GraphqlServer> | undefined
  const load = () =>
    (loaded ??= import('./server.ts').then(({ createServer }) => createServer(log)))

  router.on('POST /graphql', async (exchange) => {
    const body = await readJson(exchange)
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new Problem('INVALID_REQUEST', 'The body must be one GraphQL request, as an object.')
    }
    const server = await load()
    const { principal, requestId, header, whenGone } = exchange
    const follow = following(exchange, feed)
    const asking = new Asking({ principal, requestId, queries, log, follow })
    const ended = new AbortController()
    whenGone(() => ended.abort())
    let isLate = false
    const late = setTimeout(() => {
      isLate = true
      ended.abort()
    }, withinMs)
    try {
      const request = requestOf(body, header('accept'), ended.signal)
      return await answered(await server.fetch('http://edge/graphql', request, { asking }))
    } catch (error) {
      if (!isLate) throw error
      const message = `The query was not done within ${withinMs} ms.`
      throw new Problem('TIMEOUT', message, undefined, { cause: error })
    } finally {
      clearTimeout(late)
    }
  })

  router.close()
}

/** What the caller follows ends with the exchange, however that ends. */
function following({ principal: { owner }, incoming, stillMay, whenGone }: Exchange, feed: Feed) {
  return async (route: RouteName, filter: Filter, after?: number) => {
    const subscription = await feed.subscribe({
      ...{ owner, filter, after },
      stillMay: () => stillMay(ROUTES[route].scopes),
      onEnd: (end) => {
        if (end !== 'closed') setTimeout(() => incoming.socket.destroy(), HANG_UP_AFTER_MS).unref()
      },
    })
    whenGone(() => subscription.close())
    return subscription
  }
}

function requestOf(body: Json, accept: string | undefined, signal: AbortSignal) {
  const headers = { 'content-type': 'application/json', accept: accepted(accept) }
  return { method: 'POST', headers, body: JSON.stringify(body), signal }
}

async function answered(response: Response): Promise<Answer> {
  const { status, body } = response
  const type = response.headers.get('content-type') ?? RESPONSE_TYPE
  if (status === 406) {
    const message = `A subscription is answered as ${STREAM_TYPE}: say so in Accept.`
    throw new Problem('INVALID_REQUEST', message, { field: 'Accept' })
  }
  if (!type.startsWith(STREAM_TYPE) || body === null) {
    return { status, body: await response.text(), headers: { 'content-type': type } }
  }
  // Proxies must neither collect it nor reuse its connection.
  const headers = { 'content-type': type, 'x-accel-buffering': 'no', connection: 'close' }
  return { status, body, headers }
}

/** Whoever knows nothing of the media type of its own gets its statuses all the same. */
function accepted(header = ''): string {
  if (header.includes(STREAM_TYPE)) return STREAM_TYPE
  const knowsOnlyJson = header.includes('application/json') && !header.includes(RESPONSE_TYPE)
  return knowsOnlyJson ? 'application/json' : RESPONSE_TYPE
}
