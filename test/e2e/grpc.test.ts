/** Chunk analysis over gRPC: what HTTP answers, and how it says no. Streams: grpc-stream.test.ts. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { startSecondEdge, type SecondEdge } from '../support/second-edge.ts'
import { bearer, tokenOf } from '../support/tokens.ts'
import { until } from '../support/until.ts'
import { chunk, ChunksApi, SAMPLE as BAD, WHOLE as GOOD, type Fields } from './chunks-api.ts'
import { GrpcApi, refusal, struct } from './grpc-api.ts'

const MAX_BODY_BYTES = 256 * 1024
const EMPTY_REQUEST = Buffer.alloc(0)

let platform: TestPlatform
let closed: SecondEdge
let rest: ChunksApi
let grpc: GrpcApi
before(async () => {
  const env = { RATE_LIMITS: 'off', MAX_BODY_BYTES: String(MAX_BODY_BYTES) }
  platform = await startPlatform({ env })
  closed = await startSecondEdge(platform, { AUTH: 'required' })
  rest = new ChunksApi(platform.url)
  grpc = new GrpcApi(platform.grpc)
})
after(async () => {
  grpc[Symbol.dispose]()
  await closed[Symbol.asyncDispose]()
  await platform.stop()
})

/** What is the same over both: not when it was, and not what an absent list or message looks like. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const told = Object.entries(value).map(([key, one]) => [key, plain(one)] as const)
  const isThere = ([key, one]: readonly [string, unknown]) =>
    key !== 'created_at' && one !== null && one !== undefined && JSON.stringify(one) !== '[]'
  return Object.fromEntries(told.filter(isThere))
}

const long = Array.from({ length: 120 }, (_, i) => `${GOOD} Paragraph ${i} says more.`).join('\n\n')
const document = () => ({
  document_id: `d-${randomUUID()}`,
  chunks: [
    chunk(GOOD, 'a'),
    chunk(GOOD, 'b'),
    chunk(BAD, 'c'),
    chunk(long, 'd'),
    chunk('短い', 'e'),
  ],
})

describe('what HTTP answers, gRPC answers', () => {
  const same: readonly (readonly [method: string, path: string, request: Fields])[] = [
    ['AnalyzeChunk', '/api/v1/chunks/analyze', chunk(BAD)],
    ['AnalyzeChunk', '/api/v1/chunks/analyze', chunk(GOOD)],
    [
      'AnalyzeChunk',
      '/api/v1/chunks/analyze',
      { ...chunk(GOOD), options: { weights: { quality: 3 }, thresholds: { quality: 0 } } },
    ],
    ['AnalyzeDocument', '/api/v1/documents/analyze', document()],
    [
      'AnalyzeDocument',
      '/api/v1/documents/analyze',
      {
        ...document(),
        options: {
          ...{ check_size: false, similarity_threshold: 0.5, max_embedding_tokens: 256 },
          ...{ target_tokens: { high: 200 }, shingle_size: 2, ignore_adjacent_overlap: true },
        },
      },
    ],
    ['AnalyzeDocument', '/api/v1/documents/analyze', { document_id: 'empty', chunks: [] }],
    [
      'AnalyzeBatch',
      '/api/v1/batch/analyze',
      {
        batch_id: 'b-1',
        items: [chunk(GOOD, 'a'), { chunk_id: 'no-content' }, chunk(BAD, 'a'), {}, chunk(BAD, '')],
      },
    ],
    [
      'CalculateSimilarity',
      '/api/v1/similarity/calculate',
      { content1: GOOD, content2: BAD, shingle_size: 2 },
    ],
  ]
  for (const [i, [method, path, request]] of same.entries()) {
    test(`${method} ${i}`, async () => {
      const { response } = await grpc.call(method, request)
      assert.deepEqual(plain(response), plain(await rest.answer(path, request)))
    })
  }

  test('metadata of a chunk is any JSON', async () => {
    const metadata = { page: 3, tags: ['a', null, { deep: [true] }], ['__proto__']: 'x' }
    const { response } = await grpc.call('AnalyzeChunk', {
      ...chunk(GOOD),
      metadata: struct(metadata),
    })
    assert.equal(typeof response['tokens'], 'number')
  })

  test('what was suggested over gRPC is in the list of HTTP', async () => {
    const { document_id, chunks } = document()
    const { response } = await grpc.call('AnalyzeDocument', { document_id, chunks })
    const list = await rest.answer<{ data: readonly Fields[] }>(
      `/api/v1/optimizations?document_id=${document_id}&per_page=100`,
    )
    const ids = (found: unknown) => (found as readonly { id: string }[]).map(({ id }) => id).sort()
    assert.deepEqual(ids(list.data), ids(response['optimizations']))
    assert.notEqual(list.data.length, 0)
  })
})

describe('what HTTP refuses, gRPC refuses in the same words', () => {
  const bad: readonly (readonly [method: string, path: string, request: Fields])[] = [
    ['AnalyzeChunk', '/api/v1/chunks/analyze', { content: GOOD }],
    ['AnalyzeChunk', '/api/v1/chunks/analyze', { chunk_id: 'a' }],
    ['AnalyzeChunk', '/api/v1/chunks/analyze', { chunk_id: '', content: GOOD }],
    ['AnalyzeChunk', '/api/v1/chunks/analyze', { chunk_id: 'a\u0007', content: GOOD }],
    ['AnalyzeDocument', '/api/v1/documents/analyze', { chunks: [chunk(GOOD)] }],
    [
      'AnalyzeDocument',
      '/api/v1/documents/analyze',
      { document_id: 'd', chunks: [{ content: '' }] },
    ],
    [
      'AnalyzeDocument',
      '/api/v1/documents/analyze',
      { document_id: 'd', chunks: [chunk(GOOD, 'a'), chunk(BAD, 'a')] },
    ],
    [
      'AnalyzeBatch',
      '/api/v1/batch/analyze',
      { batch_id: 'b', items: [], options: { similarity_threshold: 2 } },
    ],
    ['CalculateSimilarity', '/api/v1/similarity/calculate', { content1: GOOD }],
  ]
  for (const [i, [method, path, request]] of bad.entries()) {
    test(`${method} ${i}`, async () => {
      const { body } = await rest.ask<{ message: string; details: Fields }>(path, { json: request })
      const refused = await refusal(grpc.call(method, request))
      assert.deepEqual(
        [refused.message, refused.field, refused.constraint],
        [body.message, body.details['field'], body.details['constraint']],
      )
      assert.equal(refused.code, 'INVALID_ARGUMENT')
      assert.match(refused.reason ?? '', /^(INVALID_REQUEST|VALIDATION_FAILED)$/)
    })
  }

  test('a number in metadata that JSON could not carry', async () => {
    const metadata = struct({ size: Infinity })
    const refused = await refusal(grpc.call('AnalyzeChunk', { ...chunk(GOOD), metadata }))
    assert.deepEqual([refused.code, refused.field], ['INVALID_ARGUMENT', 'metadata'])
  })

  test('bytes that are no message, no message at all, and metadata without a bottom', async () => {
    const broken = await refusal(grpc.raw('AnalyzeChunk', Buffer.from([0xff, 0xff, 0xff])))
    assert.deepEqual([broken.code, broken.constraint], ['INVALID_ARGUMENT', 'protobuf'])
    const empty = await refusal(grpc.raw('AnalyzeChunk', EMPTY_REQUEST))
    assert.deepEqual([empty.code, empty.field], ['INVALID_ARGUMENT', 'chunk_id'])
    const deep = await refusal(grpc.raw('AnalyzeChunk', field(3, nested(1_000))))
    assert.deepEqual([deep.code, deep.constraint], ['INVALID_ARGUMENT', 'protobuf'])
  })

  test('a message that is larger than a body may be', async () => {
    const content = 'x'.repeat(MAX_BODY_BYTES)
    const refused = await refusal(grpc.call('AnalyzeChunk', { ...chunk(content) }))
    assert.equal(refused.code, 'RESOURCE_EXHAUSTED')
    await grpc.call('AnalyzeChunk', chunk(GOOD))
  })
})

/** A Struct in a Struct in a Struct: `{ v: { v: … } }`; the client's own library would refuse it. */
function nested(levels: number): Buffer {
  let struct: Buffer = Buffer.alloc(0)
  for (let i = 0; i < levels; i++) {
    const entry = Buffer.concat([field(1, Buffer.from('v')), field(2, field(5, struct))])
    struct = field(1, entry)
  }
  return struct
}

function field(number: number, bytes: Buffer): Buffer {
  const size: number[] = []
  for (let left = bytes.length; ; left >>>= 7) {
    if (left < 0x80) return Buffer.concat([Buffer.from([(number << 3) | 2, ...size, left]), bytes])
    size.push((left & 0x7f) | 0x80)
  }
}

describe('a call', () => {
  test('carries on the request id and the trace, and gets the id back', async () => {
    const traceId = 'a'.repeat(32)
    const requestId = `r-${randomUUID()}`
    const { headers } = await grpc.call('AnalyzeChunk', chunk(BAD), {
      headers: { 'x-request-id': requestId, traceparent: `00-${traceId}-${'b'.repeat(16)}-01` },
    })
    assert.equal(headers['x-request-id'], requestId)
    const refused = await refusal(
      grpc.call('AnalyzeChunk', {}, { headers: { 'x-request-id': requestId } }),
    )
    assert.equal(refused.requestId, requestId)
  })

  test('whose deadline has passed is over', async () => {
    const asked = { deadline: Date.now() + 1 }
    const refused = await refusal(grpc.call('AnalyzeChunk', chunk(GOOD), asked))
    assert.equal(refused.code, 'DEADLINE_EXCEEDED')
  })

  test('is counted beside those of HTTP', async () => {
    await grpc.call('CalculateSimilarity', { content1: 'a', content2: 'b' })
    const counted = /^grpc_requests_total\{(?=.*method="CalculateSimilarity")(?=.*code="OK")/m
    const metrics = await until(async () => {
      const text = await (await fetch(`${platform.url}/metrics`)).text()
      return counted.test(text) && text
    })
    assert.match(metrics, /^grpc_request_duration_seconds_bucket\{/m)
  })
})

describe('who may call', () => {
  test('shows the credentials that HTTP wants, with the same scopes', async () => {
    using api = new GrpcApi(closed.grpc)
    const call = (headers: Readonly<Record<string, string>>, method = 'AnalyzeChunk') =>
      api.call(method, method === 'AnalyzeChunk' ? chunk(GOOD) : { content1: 'a', content2: 'b' }, {
        headers,
      })
    const nobody = await refusal(call({}))
    assert.deepEqual([nobody.code, nobody.reason], ['UNAUTHENTICATED', 'UNAUTHORIZED'])
    assert.equal((await refusal(call({ 'x-api-key': 'none-of-ours' }))).code, 'UNAUTHENTICATED')
    const token = await tokenOf(platform, { subject: 'reader', scopes: ['chunks:read'] })
    assert.equal((await refusal(call(bearer(token)))).code, 'PERMISSION_DENIED')
    const { headers } = await call(bearer(token), 'CalculateSimilarity')
    assert.equal(headers['x-rate-limit-limit'], '100')
    await call({ 'x-api-key': platform.credentials.SLUICE_API_KEY })
  })

  test('and not too often', async () => {
    using api = new GrpcApi(closed.grpc)
    const headers = bearer(await tokenOf(platform, { subject: 'eager', scopes: ['chunks:read'] }))
    const ask = () => api.call('CalculateSimilarity', { content1: 'a', content2: 'b' }, { headers })
    for (let i = 0; i < 100; i++) await ask()
    const refused = await refusal(ask())
    assert.deepEqual([refused.code, refused.reason], ['RESOURCE_EXHAUSTED', 'RATE_LIMITED'])
    assert.ok(Number(refused.retryAfter) >= 1 && Number(refused.retryAfter) <= 60)
    // The same person over HTTP.
    const { status } = await new ChunksApi(closed.url).ask('/api/v1/optimizations', { headers })
    assert.equal(status, 429)
  })
})

test('the health check says that it serves', async () => {
  const { response } = await grpc.call('Check', { service: '' })
  assert.equal(response['status'], 'SERVING')
  assert.equal((await refusal(grpc.call('Check', { service: 'x' }))).code, 'NOT_FOUND')
})
