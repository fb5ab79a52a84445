/**
 * Connections that a client wants to use for something else than HTTP. The request that asks for it is
 * answered as every other one, by its route; whoever answers it may take the connection instead.
 */
import { ServerResponse, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'

export interface Upgrade {
  readonly socket: Duplex
  /** What the client has sent behind its request. */
  readonly head: Buffer
}

/** Nobody gets it: the answer is what whoever took the connection says there. */
export const SWITCHED = { status: 101 } as const

const offered = new WeakMap<IncomingMessage, Upgrade & { readonly outgoing: ServerResponse }>()

export const asksForWebSocket = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' &&
  headers.upgrade?.toLowerCase() === 'websocket' &&
  /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? '')

/** Makes the answer to such a request, as the server does to others. */
export function offerUpgrade(incoming: IncomingMessage, upgrade: Upgrade): ServerResponse {
  const { socket } = upgrade
  const outgoing = new ServerResponse(incoming)
  outgoing.shouldKeepAlive = false
  outgoing.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0])
  outgoing.once('finish', () => socket.end())
  // Told to whoever reads or writes next; without a listener it would end the process.
  socket.on('error', () => socket.destroy())
  offered.set(incoming, { ...upgrade, outgoing })
  return outgoing
}

export const canUpgrade = (incoming: IncomingMessage): boolean => offered.has(incoming)

/** The connection, which is from now on the caller's. */
export function takeUpgrade(incoming: IncomingMessage): Upgrade {
  const upgrade = offered.get(incoming)
  if (upgrade === undefined) throw new Error('nobody has asked for another protocol')
  offered.delete(incoming)
  const { outgoing, socket, head } = upgrade
  outgoing.removeAllListeners('finish')
  outgoing.detachSocket(socket as Parameters<ServerResponse['detachSocket']>[0])
  return { socket, head }
}
