/**
 * The HTTP server under all surfaces, with its bounds: Node's defaults wait five minutes for a body
 * that does not come.
 *
 * Invariant: disposing stops listening at once, lets the requests in progress end for as long as a
 * process may take to stop, and then closes every connection. One that speaks another protocol by
 * then is closed by whoever took it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener, RequestError } from '@hono/node-server'
import { asksForWebSocket, offerUpgrade } from './upgrade.ts'

const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_MS = 65_000
const CHECK_EVERY_MS = 5_000
const MAX_HEADER_BYTES = 16 * 1024
const MAX_CONNECTIONS = 10_000
const MAX_HEADERS = 100
const IDLE_CHECK_MS = 50
/** Requests in progress get so long to finish when the process is asked to stop. */
export const FINISH_WITHIN_MS = 6_500

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}

export interface HttpServer extends AsyncDisposable {
  readonly port: number
}

export interface ServeOptions {
  readonly host: string
  readonly port: number
  readonly fetch: Parameters<typeof getRequestListener>[0]
  /** Sees every request first; headers that it sets are on whatever answer comes. */
  readonly prepare: (incoming: IncomingMessage, outgoing: ServerResponse) => void
  /** Asked before any route is looked for. */
  readonly refuse: (incoming: IncomingMessage) => Promise<Response> | undefined
  /** The answer to a request that no URL can be made of, or that broke in between. */
  readonly failed: (error: unknown, isClients: boolean) => Response
  /** The body of an answer to bytes that are no HTTP request. */
  readonly malformed: (status: number) => string
}

export async function serveHttp(options: ServeOptions): Promise<HttpServer> {
  const { host, port, fetch, prepare, refuse, failed, malformed } = options
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
    // Node would answer 400 without a body.
    requireHostHeader: false,
    // Any other upgrade is an offer that we do not take up.
    shouldUpgradeCallback: asksForWebSocket,
  })
  const answer: typeof fetch = (request, env) =>
    refuse(env.incoming as IncomingMessage) ?? fetch(request, env)
  const listener = getRequestListener(answer, {
    overrideGlobalObjects: true,
    errorHandler: (error) => failed(error, error instanceof RequestError),
  })
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    prepare(request, response)
    listener(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined)
    })
  }
  server.on('request', serve)
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    serve(request, offerUpgrade(request, { socket, head })),
  )
  // Of an expectation that nobody knows Node would make a 417 without a word.
  server.on('checkExpectation', serve)
  server.maxConnections = MAX_CONNECTIONS
  server.maxHeadersCount = MAX_HEADERS
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return
    const status = statusOf(error)
    const body = malformed(status)
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_TEXT[status]}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
  })
  await listen(server, host, port)
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS)
      const late = setTimeout(() => server.closeAllConnections(), FINISH_WITHIN_MS)
      await closed
      clearInterval(idle)
      clearTimeout(late)
    },
  }
}

function statusOf({ code }: NodeJS.ErrnoException): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
