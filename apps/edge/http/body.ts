/**
 * Request bodies: read whole within a bound, then understood as JSON within a depth.
 *
 * Read from Node's own stream, not through the web `Request`: that costs 10 µs a request.
 */
import type { IncomingMessage } from 'node:http'
import { createGunzip } from 'node:zlib'
import { Problem } from '#domain/problem.ts'
import type { Json } from '#events/json.ts'

/** Arrays and objects inside one another; deeper ones would break whoever serialises them. */
const DEPTH_MAX = 512
const DISCARD_BYTES_MAX = 64 * 1024 ** 2
const DISCARD_WITHIN_MS = 2_000
/** Only such digits can be a number that no double holds: an exponent from 100, or 210 with less. */
const MAY_OVERFLOW = /\d[eE]\+?0*\d{3}|\d{210}/

/** As much of an exchange as a body needs. */
export interface Sent {
  readonly incoming: IncomingMessage
  readonly maxBodyBytes: number
}

export async function readJson(sent: Sent): Promise<Json> {
  return parseJson(await readText(sent))
}

/** Bodies that were read before their handler asks for them. */
const ahead = new WeakMap<IncomingMessage, Buffer>()

/** Reads the body for whoever needs it before the handler, which then finds it here. */
export async function readAhead(sent: Sent): Promise<Buffer> {
  const bytes = await collect(sent)
  ahead.set(sent.incoming, bytes)
  return bytes
}

/** JSON text that is not yet understood; an absent body is `undefined`. */
export async function readOptionalText(sent: Sent): Promise<string | undefined> {
  if (!hasBody(sent.incoming)) return undefined
  const text = await readText(sent)
  return text === '' ? undefined : text
}

/**
 * Reads what is left of a refused body and drops it, within bounds: a client that is cut off while
 * it sends sees a broken connection instead of its answer.
 */
export function discardRest(incoming: IncomingMessage): Promise<void> {
  if (incoming.complete || incoming.destroyed || !hasBody(incoming)) return Promise.resolve()
  return new Promise((resolve) => {
    let size = 0
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(done, DISCARD_WITHIN_MS)
    incoming.on('data', ({ length }: Buffer) => {
      size += length
      if (size > DISCARD_BYTES_MAX) done()
    })
    for (const event of ['end', 'close', 'aborted', 'error']) incoming.on(event, done)
    incoming.resume()
  })
}

export function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers
  return encoding !== undefined || (length !== undefined && length !== '0')
}

async function readText(sent: Sent): Promise<string> {
  const { incoming } = sent
  if (hasBody(incoming)) requireJson(incoming)
  const bytes = ahead.get(incoming) ?? (await collect(sent))
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new Problem('INVALID_JSON', 'The body is not valid UTF-8.', undefined, { cause: error })
  }
}

function requireJson({ headers }: IncomingMessage): void {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (type !== 'application/json' && !/^application\/[\w.-]+\+json$/.test(type)) {
    throw new Problem('UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json.', {
      field: 'Content-Type',
      given: headers['content-type'] ?? null,
    })
  }
}

/** The bound counts what the body is, not how it was packed for the way. */
async function collect({ incoming, maxBodyBytes: maxBytes }: Sent): Promise<Buffer> {
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  const unzip = isZipped(incoming) ? createGunzip() : undefined
  return new Promise<Buffer>((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const source = unzip === undefined ? incoming : incoming.pipe(unzip)
    source.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else reject(tooLarge(maxBytes))
    })
    source.on('end', () => {
      const [only] = chunks
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks))
    })
    const broken = () => reject(new Problem('INVALID_REQUEST', 'The body did not arrive whole.'))
    incoming.on('aborted', broken)
    incoming.on('error', broken)
    unzip?.on('error', () => reject(new Problem('INVALID_REQUEST', 'The body is no valid gzip.')))
  }).finally(() => {
    if (unzip === undefined) return
    incoming.unpipe(unzip)
    unzip.destroy()
  })
}

/** What the body may come to, as far as its headers tell. */
export function bytesToCome({ incoming, maxBodyBytes }: Sent): number {
  const { 'content-length': length, 'content-encoding': encoding } = incoming.headers
  if (!hasBody(incoming)) return 0
  return encoding === undefined
    ? Math.min(maxBodyBytes, Number(length ?? maxBodyBytes))
    : maxBodyBytes
}

function isZipped({ headers }: IncomingMessage): boolean {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (encoding === 'gzip' || encoding === 'identity') return encoding === 'gzip'
  throw new Problem(
    'UNSUPPORTED_MEDIA_TYPE',
    'The body may be compressed with gzip, and with nothing else.',
    { field: 'Content-Encoding', given: encoding },
    { headers: { 'accept-encoding': 'gzip' } },
  )
}

function tooLarge(maxBytes: number): Problem {
  return new Problem('PAYLOAD_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`, {
    max_bytes: maxBytes,
  })
}

export function parseJson(text: string): Json {
  if (text.trim() === '') throw new Problem('INVALID_JSON', 'The body is empty.')
  requireDepth(text)
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it does not parse'
    throw new Problem('INVALID_JSON', `The body is not valid JSON: ${why}`, undefined, {
      cause: error,
    })
  }
  if (MAY_OVERFLOW.test(text)) requireFinite(value)
  return value
}

/** `JSON.parse` makes an infinity of it, and that would travel on as null. */
function requireFinite(value: Json): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return
  if (typeof value === 'object') return Object.values(value).forEach(requireFinite)
  if (Number.isFinite(value)) return
  throw new Problem('INVALID_JSON', 'The body has a number beyond the range of a double.')
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

function requireDepth(text: string): void {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = endOfString(text, i)
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (++depth > DEPTH_MAX) {
        throw new Problem('INVALID_REQUEST', `The body nests deeper than ${DEPTH_MAX} levels.`, {
          max_depth: DEPTH_MAX,
        })
      }
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
  }
}

/** Where the string ends that opens here: at its quote, or with a text that never closes it. */
function endOfString(text: string, open: number): number {
  for (let at = open; (at = text.indexOf('"', at + 1)) !== -1;) {
    let backslashes = 0
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return at
  }
  return text.length
}
