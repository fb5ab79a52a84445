/**
 * Live events over WebSockets: the handshake, the pings, the end.
 *
 * A handshake is answered like every request, by its route and as HTTP, until it is granted: who may
 * not come in hears why. The credential of a page is in the handshake and not in a first message, so
 * that nobody unknown holds a connection; and in no query, which proxies and histories write down.
 */
import type { IncomingMessage } from 'node:http'
import { WebSocketServer } from 'ws'
import { Problem } from '#domain/problem.ts'
import type { Log } from '#runtime/log.ts'
import type { Feed } from '../../feed/feed.ts'
import type { Handle } from '../../http/exchange.ts'
import { canUpgrade, SWITCHED, takeUpgrade } from '../../http/upgrade.ts'
import { CLOSE, Connection } from './ws-connection.ts'

/** Chosen where a client names it, beside its credential. */
const PROTOCOL = 'sluice.v1'
const VERSION = '13'
const MESSAGE_BYTES_MAX = 64 * 1024
const KEY = /^[+/0-9A-Za-z]{22}==$/
/** Names between commas, each once. */
const PROTOCOLS = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\s*,\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/

export interface WebSocketsOptions {
  readonly feed: Feed
  readonly log: Log
  readonly stopping: AbortSignal
  readonly heartbeatMs: number
}

/** The route's handler. */
export function acceptWebSockets({ feed, log, stopping, heartbeatMs }: WebSocketsOptions): Handle {
  const server = new WebSocketServer({
    ...{ noServer: true, clientTracking: false, perMessageDeflate: false },
    maxPayload: MESSAGE_BYTES_MAX,
    handleProtocols: (named) => (named.has(PROTOCOL) ? PROTOCOL : false),
  })
  const connections = new Set<Connection>()
  const pinging = setInterval(() => {
    for (const connection of [...connections]) connection.ping()
  }, heartbeatMs)
  const stop = () => {
    clearInterval(pinging)
    for (const connection of connections) connection.close(CLOSE.stopping, 'This edge is stopping.')
  }
  stopping.addEventListener('abort', stop, { once: true })

  return ({ incoming, principal: { owner }, requestId, stillMay }) => {
    requireHandshake(incoming)
    if (stopping.aborted) throw new Problem('UNAVAILABLE', 'This edge is stopping.')
    const leave = feed.seats.take(owner)
    const { socket, head } = takeUpgrade(incoming)
    if (socket.destroyed) {
      // It went while its credentials were looked at: nobody will say so again.
      leave()
      return SWITCHED
    }
    socket.once('close', leave)
    server.handleUpgrade(incoming, socket, head, (webSocket) => {
      const connection = new Connection({
        ...{ socket: webSocket, owner, stillMay, requestId, feed, log },
      })
      connections.add(connection)
      webSocket.once('close', () => connections.delete(connection))
    })
    return SWITCHED
  }
}

function requireHandshake(incoming: IncomingMessage): void {
  const { headers } = incoming
  if (!canUpgrade(incoming)) {
    throw new Problem('UPGRADE_REQUIRED', 'This is a WebSocket: ask for it with one.', undefined, {
      headers: { upgrade: 'websocket', connection: 'upgrade' },
    })
  }
  if (headers['sec-websocket-version'] !== VERSION) {
    throw malformed('Sec-WebSocket-Version', `must be ${VERSION}`)
  }
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) {
    throw malformed('Sec-WebSocket-Key', 'must be 16 bytes in base64')
  }
  const named = headers['sec-websocket-protocol']
  if (named !== undefined && !isListOfNames(named)) {
    throw malformed('Sec-WebSocket-Protocol', 'must be names, each once')
  }
}

function isListOfNames(text: string): boolean {
  const names = text.split(',').map((name) => name.trim())
  return PROTOCOLS.test(text) && new Set(names).size === names.length
}

function malformed(field: string, what: string): Problem {
  const headers = { 'sec-websocket-version': VERSION }
  return new Problem('INVALID_REQUEST', `${field} ${what}.`, { field }, { headers })
}
