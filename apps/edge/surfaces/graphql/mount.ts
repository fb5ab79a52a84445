/**
 * GraphQL: the read models by one query, at `POST /graphql`, and no other way: what a browser sends
 * unasked (a form, a link, a picture) is never JSON by POST.
 *
 * Invariants:
 * 1. What is wrong with the request itself is told as everywhere (RFC 9457); what is wrong with the
 *    document or its fields as the specification of GraphQL over HTTP says, and never as a 5xx.
 * 2. The server is loaded when it is first asked: an edge that nobody asks is spared its 40 MB.
 */
import { Problem } from '#domain/problem.ts'
import { readJson } from '../../http/body.ts'
import { Router, type Answer, type RouterOptions } from '../../http/exchange.ts'
import type { Queries } from '../../queries.ts'
import { operationsDialect } from '../operations/dialect.ts'
import { Asking } from './asking.ts'
import type { GraphqlServer } from './server.ts'

const BODY_BYTES_MAX = 64 * 1024
const WITHIN_MS = 15_000
const RESPONSE_TYPE = 'application/graphql-response+json'

export interface GraphqlOptions {
  readonly queries: Queries
}

export function mountGraphql(
  routing: Omit<RouterOptions, 'dialect'>,
  { queries }: GraphqlOptions,
): void {
  const { log } = routing
  const router = new Router({ ...routing, dialect: operationsDialect })
  let loaded: Promise<GraphqlServer> | undefined
  const load = () =>
    (loaded ??= import('./server.ts').then(({ createServer }) => createServer(log)))

  router.on('POST /graphql', async (exchange) => {
    const { incoming, principal, requestId, header, whenGone } = exchange
    const body = await readJson(incoming, BODY_BYTES_MAX)
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw new Problem('INVALID_REQUEST', 'The body must be one GraphQL request, as an object.')
    }
    const server = await load()
    const asking = new Asking({ principal, requestId, queries, log })
    const gone = new AbortController()
    whenGone(() => gone.abort())
    const late = AbortSignal.timeout(WITHIN_MS)
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: accepted(header('accept')) },
      body: JSON.stringify(body),
      signal: AbortSignal.any([gone.signal, late]),
    }
    try {
      return await answered(await server.fetch('http://edge/graphql', request, { asking }))
    } catch (error) {
      if (!late.aborted) throw error
      const message = `The query was not done within ${WITHIN_MS} ms.`
      throw new Problem('TIMEOUT', message, undefined, { cause: error })
    }
  })

  router.close()
}

async function answered(response: Response): Promise<Answer> {
  const type = response.headers.get('content-type')
  return {
    status: response.status,
    body: await response.text(),
    ...(type !== null && { headers: { 'content-type': type } }),
  }
}

/** Whoever knows nothing of the media type of its own gets its statuses all the same. */
function accepted(header = ''): string {
  const knowsOnlyJson = header.includes('application/json') && !header.includes(RESPONSE_TYPE)
  return knowsOnlyJson ? 'application/json' : RESPONSE_TYPE
}
