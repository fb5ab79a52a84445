/**
 * The chunk API over HTTP, each analysis with its durable command and event; and the join alone, in
 * a process of its own, beside the loop over all pairs that it saves.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Chunk } from '#events/chunks.ts'
import { startPlatform } from '#test/support/platform.ts'
import type { JoinCosts } from './chunk-join.ts'
import { applyLoad } from './load.ts'
import { duration, times } from './scale.ts'
import type { Summary } from './summary.ts'
import { syntheticChunks } from './synthetic-chunks.ts'

const run = promisify(execFile)
const ONES = times(1_000)
const BATCHES = times(200)
const LARGE = times(3)
const LARGE_CHUNKS = times(10_000)
const JOINED_CHUNKS = times(100_000)
const NAIVE_CHUNKS = times(1_000)
const CONNECTIONS = 32
const SECONDS = duration(5)

const withWarmUp = (requests: number) => requests + Math.ceil(requests / 10)

export interface ChunkCosts {
  readonly chunk: Summary
  readonly documentOf10: Summary
  /** Chunks that were never seen before, and the same ones once more. */
  readonly batchOf100: Summary
  readonly batchOf100Again: Summary
  readonly documentOf10000: Summary
  readonly perSecondAt32: number
  readonly join: JoinCosts
  readonly naive: JoinCosts
  /** The join of as many chunks as the loop over all pairs was given. */
  readonly joinOfFew: JoinCosts
}

export async function measureChunks(): Promise<ChunkCosts> {
  await using platform = await startPlatform({ env: { RATE_LIMITS: 'off' }, heardMax: 0 })
  const corpus = [...syntheticChunks(Math.max(LARGE_CHUNKS, 100 * withWarmUp(BATCHES)))]
  const slice = (index: number, length: number): readonly Chunk[] => {
    const from = (index * length) % (corpus.length - length + 1)
    return corpus.slice(from, from + length)
  }
  /** One behind the other, each with the next chunks. */
  const oneByOne = async (requests: number, path: string, bodyOf: (index: number) => object) => {
    const sent = withWarmUp(requests)
    const { failures, ...latency } = await applyLoad({
      url: `${platform.url}/api/v1/${path}`,
      body: Array.from({ length: sent }, (_, i) => JSON.stringify(bodyOf(i))),
      ...{ connections: 1, seconds: Infinity, requests: sent, warmUp: sent - requests },
    })
    if (failures > 0) throw new Error(`${failures} of ${path} failed`)
    return latency
  }
  const documents = (requests: number, length: number) =>
    oneByOne(requests, 'documents/analyze', (index) => ({
      document_id: `d-${length}-${index}`,
      chunks: slice(index, length),
    }))
  const chunk = await oneByOne(ONES, 'chunks/analyze', (index) => slice(index, 1)[0] ?? {})
  const documentOf10 = await documents(ONES, 10)
  const batches = () =>
    oneByOne(BATCHES, 'batch/analyze', (index) => ({
      batch_id: `b-${index}`,
      items: slice(index, 100),
    }))
  const [batchOf100, batchOf100Again] = [await batches(), await batches()]
  const load = await applyLoad({
    url: `${platform.url}/api/v1/chunks/analyze`,
    body: JSON.stringify(slice(0, 1)[0]),
    ...{ connections: CONNECTIONS, seconds: SECONDS },
  })
  if (load.failures > 0) throw new Error(`${load.failures} analyses failed`)
  const documentOf10000 = await documents(LARGE, LARGE_CHUNKS)
  await platform.stop()
  return {
    ...{ chunk, documentOf10, batchOf100, batchOf100Again, documentOf10000 },
    perSecondAt32: load.perSecond,
    join: await joined('join', JOINED_CHUNKS),
    naive: await joined('naive', NAIVE_CHUNKS),
    joinOfFew: await joined('join', NAIVE_CHUNKS),
  }
}

async function joined(how: 'join' | 'naive', chunks: number): Promise<JoinCosts> {
  const script = new URL('./chunk-join.ts', import.meta.url).pathname
  const { stdout } = await run(process.execPath, [script, how, String(chunks)])
  return JSON.parse(stdout) as JoinCosts
}
