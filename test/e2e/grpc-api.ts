/** gRPC as its tests call it: the library's own client, with the proto files of the repository. */
import { fileURLToPath } from 'node:url'
import {
  Client,
  credentials,
  Metadata,
  status as Code,
  type CallOptions,
  type ClientDuplexStream,
  type ClientOptions,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js'
import { loadSync, type MessageTypeDefinition, type ServiceDefinition } from '@grpc/proto-loader'
import type { Fields } from './chunks-api.ts'

export const PROTOS = fileURLToPath(new URL('../../apps/edge/surfaces/grpc/', import.meta.url))
const REFLECTION_PROTOS = fileURLToPath(
  new URL('../proto', import.meta.resolve('@grpc/reflection')),
)
const load = (file: string) =>
  loadSync(file, {
    keepCase: true,
    defaults: true,
    longs: Number,
    enums: String,
    includeDirs: [PROTOS],
  })
const details = load('google/rpc/status.proto')

export const CHUNKS = 'sluice.chunks.v1.ChunkOptimizer'
const services = {
  ...(load('sluice/chunks/v1/chunks.proto')[CHUNKS] as ServiceDefinition),
  ...(load('grpc/health/v1/health.proto')['grpc.health.v1.Health'] as ServiceDefinition),
}

export type Headers = Readonly<Record<string, string>>
export type Stream = ClientDuplexStream<object, Fields>

export interface Asked extends CallOptions {
  readonly headers?: Headers
}

export interface Answered {
  readonly response: Fields
  /** What came before the answer. */
  readonly headers: Headers
}

/** What a refusal tells, read as clients read it. */
export interface Refusal {
  readonly code: string
  readonly message: string
  readonly reason: string | undefined
  readonly field: string | undefined
  readonly constraint: string | undefined
  readonly retryAfter: string | undefined
  readonly requestId: string | undefined
}

export class GrpcApi implements Disposable {
  readonly #client: Client

  constructor(address: string, options: ClientOptions = {}) {
    const own = { 'grpc.max_receive_message_length': -1, 'grpc.use_local_subchannel_pool': 1 }
    this.#client = new Client(address, credentials.createInsecure(), { ...own, ...options })
  }

  call(method: string, request: object, { headers = {}, ...options }: Asked = {}) {
    const { path, requestSerialize, responseDeserialize } = methodOf(method)
    return new Promise<Answered>((resolve, reject) => {
      let first: Headers = {}
      this.#client
        .makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          metadataOf(headers),
          options,
          (error, response) => {
            if (error !== null) reject(error)
            else resolve({ response: response as Fields, headers: first })
          },
        )
        .on('metadata', (metadata) => (first = metadata.getMap() as Headers))
    })
  }

  stream(method: string, { headers = {}, ...options }: Asked = {}): Stream {
    const { path, requestSerialize, responseDeserialize } = methodOf(method)
    return this.#client.makeBidiStreamRequest(
      path,
      requestSerialize,
      responseDeserialize as (bytes: Buffer) => Fields,
      metadataOf(headers),
      options,
    )
  }

  reflection(version: 'v1' | 'v1alpha'): Stream {
    const name = `grpc.reflection.${version}.ServerReflection`
    const { ServerReflectionInfo: method } = loadSync(
      `grpc/reflection/${version}/reflection.proto`,
      { longs: Number, includeDirs: [REFLECTION_PROTOS] },
    )[name] as ServiceDefinition
    if (method === undefined) throw new Error('no reflection')
    return this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize as (bytes: Buffer) => Fields,
    )
  }

  /** Bytes that need not be any message. */
  raw(method: string, bytes: Buffer): Promise<unknown> {
    const { path, responseDeserialize } = methodOf(method)
    return new Promise((resolve, reject) => {
      const same = (it: Buffer) => it
      this.#client.makeUnaryRequest(path, same, responseDeserialize, bytes, (error, response) => {
        if (error !== null) reject(error)
        else resolve(response)
      })
    })
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }
}

/** Whatever it throws instead of being refused comes back as it is. */
export async function refusal(asking: Promise<unknown>): Promise<Refusal> {
  const error = await asking.then(
    (response) => {
      throw new Error(`not refused: ${JSON.stringify(response)}`)
    },
    (why: ServiceError) => why,
  )
  if (typeof error.code !== 'number') throw error as unknown
  const [bytes] = error.metadata.get('grpc-status-details-bin')
  const known = bytes === undefined ? [] : detailsIn(bytes as Buffer)
  const info = known.find((detail) => 'reason' in detail)
  const bad = known.find((detail) => 'field_violations' in detail) as
    { field_violations: readonly { field: string; reason: string }[] } | undefined
  return {
    code: Code[error.code] ?? '',
    message: error.details,
    reason: info?.['reason'] as string | undefined,
    field: bad?.field_violations[0]?.field,
    constraint: bad?.field_violations[0]?.reason,
    retryAfter: error.metadata.get('retry-after')[0] as string | undefined,
    requestId: error.metadata.get('x-request-id')[0] as string | undefined,
  }
}

function detailsIn(bytes: Buffer): readonly Fields[] {
  const decode = (type: string, value: Buffer) =>
    (details[type] as MessageTypeDefinition<object, object>).deserialize(value) as Fields
  const { details: told } = decode('google.rpc.Status', bytes)
  return (told as readonly { type_url: string; value: Buffer }[]).map(({ type_url, value }) =>
    decode(type_url.replace('type.googleapis.com/', ''), value),
  )
}

function methodOf(name: string): MethodDefinition<object, object> {
  const method = services[name]
  if (method === undefined) throw new Error(`no method is called ${name}`)
  return method
}

function metadataOf(headers: Headers): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return metadata
}

/** JSON as a google.protobuf.Struct. */
export const struct = (json: Fields): object => ({
  fields: Object.fromEntries(Object.entries(json).map(([key, value]) => [key, valueOf(value)])),
})

function valueOf(value: unknown): object {
  if (value === null) return { nullValue: 'NULL_VALUE' }
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'number') return { numberValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (Array.isArray(value)) return { listValue: { values: value.map(valueOf) } }
  return { structValue: struct(value as Fields) }
}
