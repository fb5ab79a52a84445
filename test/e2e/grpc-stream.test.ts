/** AnalyzeStream: a batch without an end, and clients that do not behave. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { startSecondEdge } from '../support/second-edge.ts'
import { tokenOf, bearer } from '../support/tokens.ts'
import { until } from '../support/until.ts'
import { chunk, ChunksApi, SAMPLE as BAD, WHOLE as GOOD, type Fields } from './chunks-api.ts'
import { GrpcApi, refusal, type Stream } from './grpc-api.ts'

let platform: TestPlatform
let grpc: GrpcApi
before(async () => {
  platform = await startPlatform({ env: { RATE_LIMITS: 'off' } })
  grpc = new GrpcApi(platform.grpc)
})
after(async () => {
  grpc[Symbol.dispose]()
  await platform.stop()
})

interface Streamed {
  readonly result: {
    readonly item_id: string
    readonly metrics: { readonly chunk_id: string } | null
    readonly error: { readonly code: string; readonly details: Fields } | null
  }
  readonly group: number
}

async function resultsOf(stream: Stream): Promise<readonly Streamed[]> {
  const results: Streamed[] = []
  for await (const one of stream as AsyncIterable<Streamed>) results.push(one)
  return results
}

const inProgress = async () => {
  const text = await (await fetch(`${platform.url}/metrics`)).text()
  return Number(/^sluice_http_requests_in_progress(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1])
}
const nobodyIsServed = () => until(async () => (await inProgress()) === 0)

describe('a stream of items', () => {
  test('of 1,000, read slowly, is answered in order, each in its place', async () => {
    const stream = grpc.stream('AnalyzeStream')
    const total = 1_000
    let written = 0
    const writing = (async () => {
      stream.write({ batch_id: 'b-slow', options: { check_size: false } })
      for (; written < total; written++) {
        const item = written === 500 ? { chunk_id: '' } : chunk(GOOD, `c-${written}`)
        if (!stream.write({ item })) await once(stream, 'drain')
      }
      stream.end()
    })()
    const results: Streamed[] = []
    for await (const one of stream as AsyncIterable<Streamed>) {
      results.push(one)
      if (results.length % 25 === 0) await delay(20)
    }
    await writing
    assert.equal(results.length, total)
    results.forEach(({ result }, i) => {
      if (i === 500) {
        const { code, details } = result.error ?? {}
        assert.deepEqual([code, details?.['field']], ['InvalidRequest', 'content'])
      } else assert.equal(result.metrics?.chunk_id, `c-${i}`)
    })
    const last = results.at(-1)?.group ?? 0
    assert.ok(last >= total / 100 - 1, `${last} groups`)
    await nobodyIsServed()
  })

  test('that wait for one another is answered one by one', async () => {
    const stream = grpc.stream('AnalyzeStream')
    stream.write({ batch_id: 'b-turns', item: chunk(BAD, 'c-0') })
    for (let i = 0; i < 3; i++) {
      const [one] = (await once(stream, 'data')) as [Streamed]
      assert.deepEqual([one.result.item_id, one.group], [`c-${i}`, i])
      if (i < 2) stream.write({ item: chunk(BAD, `c-${i + 1}`) })
    }
    stream.end()
    await once(stream, 'end')
  })

  test('is what a batch is: the same suggestions', async () => {
    const items = [chunk(GOOD, 'a'), chunk(GOOD, 'b'), chunk(BAD, 'c')]
    const stream = grpc.stream('AnalyzeStream')
    stream.write({ batch_id: 'b-same', item: items[0] })
    for (const item of items.slice(1)) stream.write({ item })
    stream.end()
    const streamed = await resultsOf(stream)
    const batch = await grpc.call('AnalyzeBatch', { batch_id: 'b-same', items })
    const told = (results: unknown) =>
      (results as readonly Fields[]).map(({ metrics, optimizations }) => ({
        metrics,
        ids: (optimizations as readonly { id: string }[]).map(({ id }) => id),
      }))
    assert.deepEqual(told(streamed.map(({ result }) => result)), told(batch.response['results']))
  })

  test('is told where one of them is missing', async () => {
    const stream = grpc.stream('AnalyzeStream')
    stream.write({ batch_id: 'b-empty' })
    stream.end({})
    const [one] = await resultsOf(stream)
    const { code, details } = one?.result.error ?? {}
    assert.deepEqual([code, details], ['InvalidRequest', { field: 'item', constraint: 'required' }])
  })

  test('without its head, or with two of them, is refused', async () => {
    const headless = grpc.stream('AnalyzeStream')
    headless.end({ item: chunk(GOOD) })
    const missing = await refusal(resultsOf(headless))
    assert.deepEqual([missing.code, missing.field], ['INVALID_ARGUMENT', 'batch_id'])

    const silent = grpc.stream('AnalyzeStream')
    silent.end()
    assert.equal((await refusal(resultsOf(silent))).field, 'batch_id')

    const twice = grpc.stream('AnalyzeStream')
    twice.write({ batch_id: 'b' })
    twice.end({ batch_id: 'b', item: chunk(GOOD) })
    const { field, constraint } = await refusal(resultsOf(twice))
    assert.deepEqual([field, constraint], ['batch_id', 'first'])
  })

  test('counts each group against the limits', async () => {
    await using closed = await startSecondEdge(platform, { AUTH: 'required' })
    using api = new GrpcApi(closed.grpc)
    const somebody = { subject: 'streamer', scopes: ['chunks:write'] } as const
    const headers = bearer(await tokenOf(platform, somebody))
    const rest = new ChunksApi(closed.url)
    for (let i = 0; i < 98; i++) await rest.ask('/api/v1/optimizations', { headers })
    const stream = api.stream('AnalyzeStream', { headers })
    stream.write({ batch_id: 'b-limited' })
    for (let i = 0; i < 300; i++) stream.write({ item: chunk(BAD, `c-${i}`) })
    stream.end()
    let answered = 0
    stream.on('data', () => answered++)
    const refused = await refusal(once(stream, 'end'))
    assert.deepEqual([refused.code, refused.reason], ['RESOURCE_EXHAUSTED', 'RATE_LIMITED'])
    assert.ok(Number(refused.retryAfter) >= 1)
    assert.ok(answered > 0 && answered < 300, `${answered} answered`)
  })

  test('leaves room for those of others, however many of them somebody has', async () => {
    await using closed = await startSecondEdge(platform, { AUTH: 'required', RATE_LIMITS: 'off' })
    using api = new GrpcApi(closed.grpc)
    const open = async (subject: string) => {
      const headers = bearer(await tokenOf(platform, { subject, scopes: ['chunks:write'] }))
      const stream = api.stream('AnalyzeStream', { headers })
      stream.write({ batch_id: 'b-open', item: chunk(BAD, 'c-0') })
      await once(stream, 'data')
      return stream
    }
    const streams = await Promise.all(Array.from({ length: 64 }, () => open('hoarder')))
    const refused = await refusal(open('hoarder'))
    assert.deepEqual([refused.code, refused.reason], ['RESOURCE_EXHAUSTED', 'RATE_LIMITED'])
    assert.ok(Number(refused.retryAfter) >= 1)
    streams.push(await open('somebody'))
    for (const stream of streams) stream.end()
    await Promise.all(streams.map((stream) => once(stream, 'end')))
    const again = await open('hoarder')
    again.end()
    await once(again, 'end')
  })
})

describe('a client', () => {
  test('that goes away in the middle is no longer worked for', async () => {
    const stream = grpc.stream('AnalyzeStream')
    stream.on('error', () => {})
    stream.write({ batch_id: 'b-gone', item: chunk(GOOD, 'c-0') })
    await once(stream, 'data')
    for (let i = 1; i < 500; i++) stream.write({ item: chunk(GOOD, `c-${i}`) })
    stream.cancel()
    await nobodyIsServed()
    const counted = /^grpc_requests_total\{(?=.*method="AnalyzeStream")(?=.*code="CANCELLED")/m
    // A scrape is shared by those who ask at once, and shows what was before it began.
    await until(async () => counted.test(await (await fetch(`${platform.url}/metrics`)).text()))
  })

  test('whose deadline passes while it streams hears so', async () => {
    const stream = grpc.stream('AnalyzeStream', { deadline: Date.now() + 500 })
    stream.write({ batch_id: 'b-late', item: chunk(GOOD) })
    assert.equal((await refusal(resultsOf(stream))).code, 'DEADLINE_EXCEEDED')
    await nobodyIsServed()
  })

  test('that opens thousands of streams and says nothing keeps nobody else out', async () => {
    const path = '/sluice.chunks.v1.ChunkOptimizer/AnalyzeStream'
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc' }
    const sessions = Array.from({ length: 12 }, () => connect(`http://${platform.grpc}`))
    for (const session of sessions) {
      for (let i = 0; i < 250; i++) session.request(headers).on('error', () => {})
    }
    await until(async () => (await inProgress()) >= 64)
    using other = new GrpcApi(platform.grpc)
    await other.call('AnalyzeChunk', chunk(GOOD))
    for (const session of sessions) session.destroy()
    await nobodyIsServed()
  })

  test('that sends no HTTP/2, or breaks off in a frame, harms nobody', async () => {
    const [host = '', port = ''] = platform.grpc.split(':')
    const answer = await fetch(`http://${host}:${port}/`).catch((error: unknown) => error)
    assert.ok(answer instanceof Error || !(answer as Response).ok)
    const session = connect(`http://${platform.grpc}`)
    session.on('error', () => {})
    const path = '/sluice.chunks.v1.ChunkOptimizer/AnalyzeChunk'
    const half = session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc' },
      { endStream: false },
    )
    half.on('error', () => {})
    // A message of 100 bytes of which 3 come.
    half.write(Buffer.from([0, 0, 0, 0, 100, 1, 2, 3]))
    await until(async () => (await inProgress()) === 1)
    session.destroy()
    await nobodyIsServed()
    await grpc.call('AnalyzeChunk', chunk(GOOD))
  })
})

test('reflection lists the services and describes them, in both versions', async () => {
  for (const version of ['v1', 'v1alpha'] as const) {
    const stream = grpc.reflection(version)
    stream.write({ listServices: '*' })
    const [listed] = (await once(stream, 'data')) as [
      { listServicesResponse: { service: readonly { name: string }[] } },
    ]
    const names = listed.listServicesResponse.service.map(({ name }) => name)
    assert.deepEqual(names.sort(), ['grpc.health.v1.Health', 'sluice.chunks.v1.ChunkOptimizer'])
    stream.write({ fileContainingSymbol: 'sluice.chunks.v1.ChunkOptimizer' })
    const [described] = (await once(stream, 'data')) as [
      { fileDescriptorResponse: { fileDescriptorProto: readonly Buffer[] } },
    ]
    const files = described.fileDescriptorResponse.fileDescriptorProto.map(String)
    assert.ok(files.some((file) => file.includes('AnalyzeStream')))
    stream.end()
    await once(stream, 'end')
  }
})

test('a stop tells those who stream, and ends within its time', async () => {
  await using edge = await startSecondEdge(platform, { RATE_LIMITS: 'off' })
  using api = new GrpcApi(edge.grpc)
  const stream = api.stream('AnalyzeStream')
  stream.write({ batch_id: 'b-stop', item: chunk(GOOD, 'c-0') })
  await once(stream, 'data')
  const told = refusal(resultsOf(stream))
  assert.deepEqual(await edge.stop(), { code: 0, signal: null })
  const { code, reason } = await told
  assert.deepEqual([code, reason], ['UNAVAILABLE', 'UNAVAILABLE'])
})
