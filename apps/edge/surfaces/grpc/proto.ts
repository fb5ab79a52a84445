/**
 * The services as their proto files say, and how a message becomes what the other surfaces call a
 * body: the metadata of a chunk is JSON there, and what was left out is not there at all.
 */
import { fileURLToPath } from 'node:url'
import type { ServiceDefinition } from '@grpc/grpc-js'
import {
  loadSync,
  type MessageTypeDefinition,
  type PackageDefinition,
  type ServiceDefinition as LoadedService,
} from '@grpc/proto-loader'
import { refused } from '../../chunks/valid.ts'

const PROTOS = fileURLToPath(new URL('.', import.meta.url))
const load = (...files: string[]): PackageDefinition =>
  loadSync(files, { keepCase: true, longs: Number, enums: String, includeDirs: [PROTOS] })

export const CHUNKS = 'sluice.chunks.v1.ChunkOptimizer'
export const HEALTH = 'grpc.health.v1.Health'
export const packages = load('sluice/chunks/v1/chunks.proto', 'grpc/health/v1/health.proto')
const details = load('google/rpc/status.proto')

/** A message that was read: as it is, and how many bytes it took. */
export interface Received {
  readonly message: unknown
  readonly bytes: number
}

/** What came is no message of this type. */
export const NO_MESSAGE = Symbol('no message')

/**
 * To us every call is a stream, on the wire it is the same: so whoever calls is looked at before
 * their request is read, and one that does not come does not wait for ever.
 */
export function streamed(service: string): ServiceDefinition {
  const methods = Object.entries(packages[service] as LoadedService)
  return Object.fromEntries(
    methods.map(([name, method]) => [
      name,
      {
        ...method,
        requestStream: true,
        responseStream: true,
        requestDeserialize: (bytes: Buffer): Received => {
          try {
            return { message: method.requestDeserialize(bytes), bytes: bytes.length }
          } catch {
            // grpc-js would call it an error of ours.
            return { message: NO_MESSAGE, bytes: bytes.length }
          }
        },
      },
    ]),
  )
}

export function encodeDetail(type: string, value: object): Buffer {
  return (details[type] as MessageTypeDefinition<object, object>).serialize(value)
}

// ── requests ────────────────────────────────────────────────────────────────────────────────────

export type Message = Readonly<Record<string, unknown>>

/** `field` is where it stands in the request, for whoever has to be told that it cannot be. */
export function chunkBody(chunk: unknown, field?: string): unknown {
  if (typeof chunk !== 'object' || chunk === null) return chunk
  const { metadata } = chunk as Message
  if (metadata === undefined) return chunk
  const path = field === undefined ? 'metadata' : `${field}.metadata`
  return { ...chunk, metadata: structOf(metadata as Struct, path) }
}

export function documentBody({ chunks = [], ...rest }: Message): unknown {
  return { ...rest, chunks: (chunks as unknown[]).map((it, i) => chunkBody(it, `chunks.${i}`)) }
}

export function batchBody({ items = [], ...rest }: Message): unknown {
  return { ...rest, items: (items as unknown[]).map((it, i) => chunkBody(it, `items.${i}`)) }
}

interface Struct {
  readonly fields?: Readonly<Record<string, Value>>
}

/** One of them, or none, which is no value. How deep they nest, the decoder bounds. */
interface Value {
  readonly nullValue?: unknown
  readonly numberValue?: number
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly structValue?: Struct
  readonly listValue?: { readonly values?: readonly Value[] }
}

function structOf({ fields = {} }: Struct, path: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, valueOf(value, path)]),
  )
}

function valueOf(value: Value, path: string): unknown {
  if (value.stringValue !== undefined) return value.stringValue
  if (value.boolValue !== undefined) return value.boolValue
  if (value.structValue !== undefined) return structOf(value.structValue, path)
  if (value.listValue !== undefined) {
    return (value.listValue.values ?? []).map((item) => valueOf(item, path))
  }
  if (value.numberValue === undefined) return null
  if (Number.isFinite(value.numberValue)) return value.numberValue
  throw refused(path, 'finite', 'must not have a number beyond the range of a double')
}
