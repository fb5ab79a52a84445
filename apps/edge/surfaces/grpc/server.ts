/**
 * gRPC for chunk analysis, on a port of its own, in plain text: TLS is for a proxy in front, as with
 * HTTP. No browser can reach it (they speak no HTTP/2 without TLS), so an open one needs no check of
 * hosts and origins.
 *
 * Invariant: disposing takes no more calls, lets those in progress end for as long as a process may
 * take to stop, and then closes every connection.
 */
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js'
import { Problem } from '#domain/problem.ts'
import type { RouteName } from '../../access/routes.ts'
import type { Analyses, Asking } from '../../chunks/analyses.ts'
import type { Comparisons } from '../../chunks/comparisons.ts'
import { FINISH_WITHIN_MS } from '../../http/server.ts'
import { createServe, type Call, type CallsOptions, type Work } from './call.ts'
import { batchBody, CHUNKS, chunkBody, documentBody, streamed, type Message } from './proto.ts'
import { addPublicServices } from './public-services.ts'
import { streamedBatch } from './streamed-batch.ts'

/** Of one connection; the client keeps more of them waiting. */
const STREAMS_MAX = 256
const KEEPALIVE_MS = 60_000
const KEEPALIVE_TIMEOUT_MS = 20_000
const IDLE_MS = 5 * 60_000
/** What one connection may make us hold. */
const SESSION_MIB = 64

export interface GrpcOptions extends Omit<CallsOptions, 'stopping'> {
  readonly analyses: Analyses
  readonly comparisons: Comparisons
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly maxBodyBytes: number
}

export interface GrpcServer extends AsyncDisposable {
  readonly port: number
}

/** Resolves when it listens. */
export async function openGrpc(options: GrpcOptions): Promise<GrpcServer> {
  const { host, port, maxBodyBytes, admission } = options
  const server = new Server({
    'grpc.max_receive_message_length': maxBodyBytes,
    'grpc.max_concurrent_streams': STREAMS_MAX,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.max_connection_idle_ms': IDLE_MS,
    'grpc-node.max_session_memory': SESSION_MIB,
    'grpc.enable_channelz': 0,
  })
  const stopping = new AbortController()
  const serve = createServe({ ...options, stopping: stopping.signal })
  const methods: UntypedServiceImplementation = {}
  for (const [name, [route, work]] of Object.entries(methodsOf(options))) {
    methods[name] = (call: Call) => serve(call, name, route, work)
  }
  server.addService(streamed(CHUNKS), methods)
  addPublicServices(server, admission)
  const shown = host.includes(':') ? `[${host}]` : host
  const bound = await listen(server, `${shown}:${port}`)
  return {
    port: bound,
    async [Symbol.asyncDispose]() {
      const late = setTimeout(() => server.forceShutdown(), FINISH_WITHIN_MS)
      const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
      stopping.abort()
      await closed
      clearTimeout(late)
    },
  }
}

type Methods = Readonly<Record<string, readonly [RouteName, Work]>>

/** Each needs what its route over HTTP needs. */
function methodsOf({ analyses, comparisons, maxBodyBytes }: GrpcOptions): Methods {
  return {
    AnalyzeChunk: [
      'POST /api/v1/chunks/analyze',
      unary((chunk, asking) => analyses.chunk(chunkBody(chunk), asking)),
    ],
    AnalyzeDocument: [
      'POST /api/v1/documents/analyze',
      unary((document, asking) => analyses.document(documentBody(document), asking)),
    ],
    AnalyzeBatch: [
      'POST /api/v1/batch/analyze',
      unary((batch, asking) => analyses.batch(batchBody(batch), asking)),
    ],
    AnalyzeStream: ['POST /api/v1/batch/analyze', streamedBatch(analyses, maxBodyBytes)],
    CalculateSimilarity: [
      'POST /api/v1/similarity/calculate',
      unary((texts) => comparisons.of(texts)),
    ],
  }
}

function unary(answer: (message: Message, asking: Asking) => object | Promise<object>): Work {
  return async ({ asking, read, patiently, send }) => {
    const received = await patiently(read())
    if (received === undefined || (await patiently(read())) !== undefined) {
      throw new Problem('INVALID_REQUEST', 'This takes exactly one message.')
    }
    await send(await answer(received.message as Message, asking))
  }
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port)
      else reject(new Error(`gRPC cannot listen: set GRPC_PORT (or off).`, { cause: error }))
    })
  })
}
