/**
 * Who is at the other end, as limits count them.
 *
 * Invariants:
 * 1. Only what a trusted proxy wrote is believed: of `X-Forwarded-For` the entry as many places from
 *    the right as proxies are configured; what stands before it is the client's own word.
 * 2. What cannot be read there leaves the socket's own address: limits then hit the proxy, and
 *    nobody gets around them.
 * 3. One household is one client: IPv6 counts by its /64, and an IPv4 address in an IPv6 coat is
 *    the IPv4 address.
 */
import type { IncomingMessage } from 'node:http'
import { isIPv4, isIPv6 } from 'node:net'

const UNKNOWN = 'unknown'
/** Some proxies write the port beside the address. */
const WITH_PORT = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[\d.]+))(?::\d{1,5})?$/
const GROUPS = 8
const GROUPS_OF_NET = 4
const MAPPED = '0:0:0:0:0:ffff:'

type Incoming = Pick<IncomingMessage, 'headers'> & {
  readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'>
}

export function clientAddress({ headers, socket }: Incoming, trustedProxies: number): string {
  const own = () => normalised(socket.remoteAddress ?? '') ?? UNKNOWN
  if (trustedProxies === 0) return own()
  const header = headers['x-forwarded-for']
  const entries = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',')
  return normalised(withoutPort(entries.at(-trustedProxies)?.trim() ?? '')) ?? own()
}

function withoutPort(entry: string): string {
  const { v4, v6 } = WITH_PORT.exec(entry)?.groups ?? {}
  return v4 ?? v6 ?? entry
}

function normalised(address: string): string | undefined {
  if (isIPv4(address)) return address
  if (!isIPv6(address)) return undefined
  const groups = groupsOf(address)
  const whole = groups.map((group) => group.toString(16)).join(':')
  if (whole.startsWith(MAPPED)) return groups.slice(-2).flatMap(bytesOf).join('.')
  return `${whole.split(':').slice(0, GROUPS_OF_NET).join(':')}::/64`
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const [plain = ''] = address.split('%', 1)
  const [head = [], tail] = plain.split('::', 2).map(readGroups)
  if (tail === undefined) return head
  return [...head, ...Array<number>(GROUPS - head.length - tail.length).fill(0), ...tail]
}

function readGroups(part: string): number[] {
  if (part === '') return []
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

function bytesOf(group: number): number[] {
  return [group >> 8, group & 0xff]
}
