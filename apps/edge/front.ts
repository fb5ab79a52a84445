/**
 * The front of the edge: the server, and the answers to whatever meets no route.
 *
 * Invariant: also what is no route, no request or no host of ours is answered in the format of the
 * API that its path names, with a request id, and is counted.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Problem } from '#domain/problem.ts'
import type { Config } from '#runtime/config.ts'
import type { Log } from '#runtime/log.ts'
import type { Telemetry } from '#runtime/telemetry.ts'
import { createAccess, createSocketAccess, type Access } from './http/access.ts'
import { discardRest } from './http/body.ts'
import { createCors } from './http/cors.ts'
import { asProblem, requestIdOf, respond, type App } from './http/exchange.ts'
import { createOrigins } from './http/origins.ts'
import { tellAnswered } from './http/request-line.ts'
import { serveHttp, type HttpServer } from './http/server.ts'
import { dialectOf } from './surfaces/dialect-of.ts'

export interface FrontOptions {
  readonly app: App
  readonly config: Config
  readonly telemetry: Telemetry
  readonly log: Log
}

/** Resolves when it listens. */
export function openFront({ app, config, telemetry, log }: FrontOptions): Promise<HttpServer> {
  const { auth, host, port, lambdaHosts, corsOrigins } = config
  /** Of a request that no route has answered. */
  const refused = async (problem: Problem, incoming: IncomingMessage): Promise<Response> => {
    await discardRest(incoming)
    const requestId = requestIdOf(incoming)
    const answer = refusal(problem, requestId, incoming)
    const { method = '', url = '' } = incoming
    const [path = ''] = url.split('?')
    telemetry.recordRequest(method, undefined, answer.status, 0)
    const answered = { requestId, method, path, statusCode: answer.status, responseTime: 0 }
    tellAnswered(log, answered, { problem })
    return answer
  }
  app.notFound(({ env: { incoming } }) => {
    return refused(
      new Problem('NOT_FOUND', 'There is nothing at this path; /docs shows every route.'),
      incoming,
    )
  })
  app.onError((error, { env: { incoming } }) => refused(asProblem(error), incoming))
  const allows = createOrigins({ configured: corsOrigins, loopback: auth === 'open' })
  // With credentials there is nothing that a page could do in the name of its visitor.
  const access: Access =
    auth === 'open'
      ? createAccess({ hosts: [host, ...lambdaHosts], allows })
      : createSocketAccess(allows)
  return serveHttp({
    ...{ host, port, fetch: app.fetch },
    prepare: createCors(allows),
    refuse: (incoming) => {
      const problem = access(incoming)
      return problem && refused(problem, incoming)
    },
    failed: (error, isClients) => {
      if (isClients) return refusal(notUnderstood())
      log.error('request_failed', { error })
      return refusal(asProblem(error))
    },
    malformed: (status) => {
      const { body } = dialectOf(undefined).render(notUnderstood(), randomUUID())
      return body ?? String(status)
    },
  })
}

function notUnderstood(): Problem {
  return new Problem('INVALID_REQUEST', 'The request is not understandable HTTP.')
}

function refusal(
  problem: Problem,
  requestId: string = randomUUID(),
  incoming?: IncomingMessage,
): Response {
  const dialect = dialectOf(incoming?.url)
  return respond(dialect.render(problem, requestId), requestId, dialect.contentType, incoming)
}
