/**
 * A call as the guard sees it, which knows requests of HTTP: metadata are headers, and the peer is
 * the other end of the socket.
 */
import { isIP } from 'node:net'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import type { Caller } from '../../access/guard.ts'

type Call = Pick<ServerDuplexStream<unknown, unknown>, 'metadata' | 'getPeer'>

export function callerOf(call: Call): Caller {
  const { metadata } = call
  const headers: Record<string, string> = {}
  const headersDistinct: Record<string, string[]> = {}
  for (const name of Object.keys(metadata.getMap())) {
    const values = metadata.get(name).filter((value) => typeof value === 'string')
    if (values.length === 0) continue
    headersDistinct[name] = values
    headers[name] = values.join(', ')
  }
  return { headers, headersDistinct, socket: { remoteAddress: addressOf(call.getPeer()) } }
}

/** Of `<address>:<port>`, also where the address is one of IPv6. */
function addressOf(peer: string): string {
  return isIP(peer) === 0 ? peer.slice(0, Math.max(0, peer.lastIndexOf(':'))) : peer
}
