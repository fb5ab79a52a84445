/** A request for an operation of the document: its path, its parameters, its body. */
import type { Random } from '#test/support/random.ts'
import { HOSTILE_BODIES, HOSTILE_TEXTS } from './hostile.ts'
import { valueOf, type Making, type Schema } from './values.ts'

export interface Operation {
  readonly method: string
  /** As the document writes it: `/jobs/{id}`. */
  readonly template: string
  readonly parameters: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly schema: Schema
  }[]
  /** Of its body, by content type. */
  readonly content: Readonly<Record<string, { readonly schema: Schema }>> | undefined
}

export interface FuzzRequest {
  readonly operation: Operation
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | undefined
}

const KNOWN_ID_SHARE = 0.6
const PARAMETER_SHARE = 0.4
const STRAY_PARAMETER_SHARE = 0.05
const RAW_BODY_SHARE = 0.08
const KEY_SHARE = 0.85
const KEY_AGAIN_SHARE = 0.2
/** A head of more than 16 KiB never gets as far as a route. */
const TEXT_MAX = 500
/** Keys that come again and again, each with whatever request. */
const IDEMPOTENCY_KEYS = ['fuzz-1', '"fuzz-2"', 'fuzz 3', 'x'.repeat(300)]

export function requestFor(operation: Operation, making: Making, apiKey: string): FuzzRequest {
  const { random } = making
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  for (const { name, in: place, required, schema } of operation.parameters) {
    if (place === 'path' || (required !== true && random.next() > PARAMETER_SHARE)) continue
    const text = textOf(valueOf(schema, making, name))
    if (place === 'query') query.append(name, text.slice(0, TEXT_MAX))
    else headers[name.toLowerCase()] = headerOf(text)
    if (place === 'query' && random.next() < STRAY_PARAMETER_SHARE) query.append(name, text)
  }
  if (random.next() < STRAY_PARAMETER_SHARE) query.append('stray', random.pick(HOSTILE_TEXTS))
  if ('idempotency-key' in headers) {
    const isAgain = random.next() < KEY_AGAIN_SHARE
    headers['idempotency-key'] = isAgain ? random.pick(IDEMPOTENCY_KEYS) : `fuzz-${random.next()}`
  }
  if (random.next() < KEY_SHARE) headers['x-api-key'] = apiKey
  else if (random.next() < 0.5)
    headers['authorization'] = headerOf(`Bearer ${random.pick(HOSTILE_TEXTS)}`)
  if (random.next() < STRAY_PARAMETER_SHARE) {
    const name = random.pick([
      'x-request-id',
      'traceparent',
      'accept',
      'prefer',
      'origin',
      'cookie',
    ])
    headers[name] = headerOf(random.pick(HOSTILE_TEXTS))
  }
  const { bytes, headers: ofBody } = bodyOf(operation, making)
  const search = query.size > 0 ? `?${query.toString()}` : ''
  const path = `${pathOf(operation, making)}${search}`
  return { operation, path, headers: { ...headers, ...ofBody }, body: bytes }
}

function pathOf({ template, parameters }: Operation, making: Making): string {
  const { random, known, hostility } = making
  return template.replace(/([\w-]+)\/\{(\w+)\}/g, (_whole, place: string, name: string) => {
    const id = known.idAt(place)
    if (id !== undefined && random.next() < KNOWN_ID_SHARE) return `${place}/${encoded(String(id))}`
    const { schema = {} } = parameters.find((one) => one.in === 'path' && one.name === name) ?? {}
    const isHostile = random.next() < hostility
    const text = isHostile ? random.pick(HOSTILE_TEXTS) : textOf(valueOf(schema, making, name))
    return `${place}/${encoded(text) || '%20'}`
  })
}

function bodyOf({ content }: Operation, making: Making) {
  const { random } = making
  if (content === undefined) return { bytes: undefined, headers: {} }
  if (random.next() < RAW_BODY_SHARE) return random.pick(HOSTILE_BODIES)
  const [type, { schema }] = random.pick(Object.entries(content))
  const bytes = Buffer.from(JSON.stringify(valueOf(schema, making)) ?? '')
  return { bytes, headers: { 'content-type': type } }
}

/** Of a parameter: what is no text is written as JSON. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

/** Of what no client could send, what comes nearest. */
const headerOf = (text: string) => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?').slice(0, TEXT_MAX)

/** A segment of dots alone would make it another path. */
const encoded = (text: string) =>
  encodeURIComponent(text.toWellFormed().slice(0, TEXT_MAX)).replace(/^\.{1,2}$/, 'dots')

export const hostilityOf = (random: Random) => random.pick([0, 0, 0, 0.03, 0.1, 0.5])
