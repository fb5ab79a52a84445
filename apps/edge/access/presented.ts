/**
 * The credential that a request shows: `Authorization: Bearer <token or key>` or `X-API-Key`. A page
 * that opens a WebSocket can set neither: it names the subprotocol `sluice.bearer.<token or key>`.
 *
 * Invariant: a request shows one. With two that differ nobody could say which of them was meant, and
 * a proxy before us may have looked at the other.
 */
import type { IncomingMessage } from 'node:http'

export interface Credential {
  readonly kind: 'token' | 'key'
  readonly text: string
}

/** `unreadable`: something was shown, and it is none. */
export type Presented = Credential | 'none' | 'unreadable'

/** Longer ones are not looked at. */
const CREDENTIAL_MAX = 8_192
const BEARER = /^bearer +(?<credential>[\x21-\x7e]+)$/i
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/
const PROTOCOL = /^sluice\.bearer\.(?<credential>.+)$/
const KEY = /^[\x21-\x7e]+$/

export function presentedBy(
  incoming: Pick<IncomingMessage, 'headers' | 'headersDistinct'>,
): Presented {
  const { headers } = incoming
  const protocols = headers['sec-websocket-protocol']?.split(',').flatMap(fromProtocol) ?? []
  const isPlain = headers.authorization === undefined && headers['x-api-key'] === undefined
  if (isPlain && protocols.length === 0) return 'none'
  // Of two `Authorization` lines `headers` has only the first.
  const { authorization = [], 'x-api-key': keys = [] } = incoming.headersDistinct
  const shown = [...authorization.map(fromBearer), ...keys.map(fromKey), ...protocols]
  const [first] = shown
  if (first === undefined) return 'unreadable'
  const isSame = (other: Credential | undefined) => other?.text === first.text
  return shown.every(isSame) ? first : 'unreadable'
}

function fromBearer(line: string): Credential | undefined {
  if (line.length > CREDENTIAL_MAX) return undefined
  const text = BEARER.exec(line)?.groups?.['credential']
  if (text === undefined) return undefined
  return { kind: TOKEN.test(text) ? 'token' : 'key', text }
}

/** Other protocols are no credentials. */
function fromProtocol(protocol: string): (Credential | undefined)[] {
  const text = PROTOCOL.exec(protocol.trim())?.groups?.['credential']
  return text === undefined ? [] : [fromBearer(`Bearer ${text}`)]
}

function fromKey(text: string): Credential | undefined {
  return text.length <= CREDENTIAL_MAX && KEY.test(text) ? { kind: 'key', text } : undefined
}
