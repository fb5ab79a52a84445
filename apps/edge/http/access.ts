/**
 * Who may speak to an edge that asks for no credentials: nobody whom a browser brings along.
 *
 * Invariants:
 * 1. A request names this edge by a host that is known: a name that its owner points at loopback
 *    (DNS rebinding) is refused, on every route.
 * 2. What may change something comes from no foreign page: browsers say whence (`Origin`,
 *    `Sec-Fetch-Site`), and a page cannot take that back. Programs say nothing, and may.
 * 3. Neither does a WebSocket: what comes over it a foreign page could read, unlike an answer.
 */
import type { IncomingMessage } from 'node:http'
import { Problem } from '#domain/problem.ts'
import { LOOPBACK, type Origins } from './origins.ts'
import { asksForWebSocket } from './upgrade.ts'

/** RFC 9110: a name, an IPv4 or a bracketed IPv6 address; perhaps a port. */
const HOST = /^(?<name>[\w.-]+|\[[\da-f:.]+\])(?::\d{0,5})?$/i
/** They change nothing, and what they answer a foreign page cannot read. */
const HARMLESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Hosts that were found good, as they were spelt; few in practice, bounded in any case. */
const REMEMBERED_MAX = 64

/** Says why a request is refused. */
export type Access = (incoming: IncomingMessage) => Problem | undefined

export interface AccessOptions {
  /** Names that pass besides those of loopback. */
  readonly hosts: Iterable<string>
  readonly allows: Origins
}

export function createAccess({ hosts, allows }: AccessOptions): Access {
  const known = new Set([...hosts].map((host) => bracketed(host.toLowerCase())))
  const good = new Set<string>()

  return (incoming) => {
    const { method, headers } = incoming
    const { host = '' } = headers
    if (!good.has(host)) {
      const name = HOST.exec(host)?.groups?.['name']
      if (name === undefined) {
        return new Problem('INVALID_REQUEST', 'Host is missing or malformed.', { field: 'Host' })
      }
      if (!LOOPBACK.test(name) && !known.has(name.toLowerCase())) {
        return new Problem('FORBIDDEN', 'Host does not name this server.', { field: 'Host' })
      }
      if (good.size < REMEMBERED_MAX) good.add(host)
    }
    const isHarmless = method !== undefined && HARMLESS.has(method) && !asksForWebSocket(incoming)
    return isHarmless ? undefined : refusePages(incoming, allows)
  }
}

/** Where everybody shows credentials: a page may use those that it has, if it is ours or allowed. */
export const createSocketAccess =
  (allows: Origins): Access =>
  (incoming) => {
    if (!asksForWebSocket(incoming)) return undefined
    const { host } = incoming.headers
    return refusePages(incoming, (origin) => allows(origin) || URL.parse(origin)?.host === host)
  }

function refusePages({ headers }: IncomingMessage, allows: Origins): Problem | undefined {
  const { origin } = headers
  if (origin !== undefined) {
    if (allows(origin)) return undefined
    return new Problem('FORBIDDEN', 'Pages of other origins may not do this.', {
      field: 'Origin',
    })
  }
  if (headers['sec-fetch-site'] === 'cross-site') {
    return new Problem('FORBIDDEN', 'Pages of other sites may not do this.', {
      field: 'Sec-Fetch-Site',
    })
  }
  return undefined
}

const bracketed = (host: string) =>
  host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
