/** Whoever got an answer and asks at once meets what was answered, on any of two edges. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { startSecondEdge, type SecondEdge } from '../support/second-edge.ts'
import { until } from '../support/until.ts'
import { FunctionsApi } from './functions-api.ts'

const TIMES = 300

let platform: TestPlatform
let second: SecondEdge
let edges: readonly [FunctionsApi, FunctionsApi]

before(async () => {
  platform = await startPlatform()
  second = await startSecondEdge(platform)
  edges = [new FunctionsApi(platform.url), new FunctionsApi(second.url)]
  await until(async () => (await edges[1].ask('/functions')).status === 200)
})
after(async () => {
  await second[Symbol.asyncDispose]()
  await platform.stop()
})

/** The edge that writes and the edge that reads: each alone, then the two in turn. */
function* pairs(times = TIMES): Generator<readonly [FunctionsApi, FunctionsApi, number]> {
  for (let n = 0; n < times; n++) {
    const writes = edges[n % 2]
    const reads = edges[(n >> 1) % 2]
    if (writes !== undefined && reads !== undefined) yield [writes, reads, n]
  }
}

const returns = (n: number) => `def handler(event): return ${n}`

test('registered, then read, listed and invoked', async () => {
  for (const [writes, reads] of pairs(TIMES / 3)) {
    const id = await writes.register()
    assert.equal((await reads.data<{ id: number }>(200, `/functions/${id}`)).id, id)
    const { functions } = await reads.data<{ functions: { id: number }[] }>(200, '/functions')
    assert.ok(functions.some((one) => one.id === id))
    const other = reads === edges[0] ? edges[1] : edges[0]
    assert.equal((await other.call(id, { n: 1 })).status, 'success')
  }
})

test('changed, then read', async () => {
  const id = await edges[0].register()
  for (const [writes, reads, n] of pairs()) {
    const version = await writes.change(id, { description: `${n}` })
    const read = await reads.data<{ description: string; version: number }>(200, `/functions/${id}`)
    assert.deepEqual([read.description, read.version], [`${n}`, version])
  }
})

test('changed, then invoked: the new version runs', async () => {
  const id = await edges[0].register()
  for (const [writes, invokes, n] of pairs(TIMES / 3)) {
    const version = await writes.change(id, { code: returns(n) })
    const { result, function_version } = await invokes.call(id)
    assert.deepEqual([result, function_version], [n, version])
  }
})

test('run, then read with its function’s jobs and metrics', async () => {
  const id = await edges[0].register()
  for (const [invokes, reads, n] of pairs()) {
    const { id: job } = await invokes.call(id, n)
    assert.deepEqual((await reads.job(job)).result, n)
    assert.equal((await reads.jobs(id, '?per_page=1'))[0]?.id, job)
    assert.equal((await reads.metrics(id)).invocations.total, n + 1)
  }
})

test('accepted, then read in whatever state it is', async () => {
  const id = await edges[0].register({ execution_type: 'async' })
  for (const [invokes, reads, n] of pairs()) {
    const { id: job } = await invokes.accept(id, n)
    assert.equal((await reads.job(job)).function_id, id)
    assert.equal((await reads.jobs(id, '?per_page=1'))[0]?.id, job)
  }
})

test('waited for, then read with its end counted', async () => {
  const id = await edges[0].register({ execution_type: 'async' })
  for (const [invokes, reads, n] of pairs()) {
    const { id: job } = await invokes.call(id, n, { prefer: 'wait=120' })
    assert.equal((await reads.job(job)).status, 'success')
    assert.equal((await reads.metrics(id)).invocations.total, n + 1)
  }
})

test('deleted, then gone for reading, invoking and its name', async () => {
  const name = 'the same name over and over'
  for (const [deletes, asks, n] of pairs(TIMES / 3)) {
    const id = await deletes.register({ name })
    assert.equal((await deletes.remove(id)).status, 204)
    const path = n % 2 === 0 ? `/functions/${id}` : `/functions/${id}/invoke`
    await asks.refusal(404, path, n % 2 === 0 ? {} : { json: {} })
  }
})

test('many writers at once each meet their own writes', async () => {
  const id = await edges[0].register({ execution_type: 'async' })
  const worker = async (of: number) => {
    for (const [writes, reads, n] of pairs(20)) {
      const { id: job } = await writes.accept(id, `${of}/${n}`)
      assert.equal((await reads.job(job)).function_id, id)
      const own = await reads.register()
      await writes.change(own, { description: `${n}` })
      assert.equal((await reads.call(own, of)).function_version, 2)
    }
  }
  await Promise.all(Array.from({ length: 12 }, (_, of) => worker(of)))
})
