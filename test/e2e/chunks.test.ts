/** The chunk API: what it answers, and what stays of an analysis. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { JsonRequest } from '../support/fetch-json.ts'
import { until } from '../support/until.ts'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { chunk, ChunksApi, SAMPLE as BAD, WHOLE as GOOD, type Fields } from './chunks-api.ts'

interface Optimization {
  readonly id: string
  readonly chunk_id: string
  readonly type: string
  readonly priority: string
  readonly status: string
  readonly overall_score?: number
  readonly related_chunks: readonly string[]
  readonly plan?: { readonly action: string }
}

interface Page {
  readonly data: readonly Optimization[]
  readonly pagination: Readonly<Record<'page' | 'per_page' | 'total' | 'total_pages', number>>
}

let platform: TestPlatform
let api: ChunksApi
before(async () => {
  platform = await startPlatform({ env: { RATE_LIMITS: 'off' } })
  api = new ChunksApi(platform.url)
})
after(() => platform.stop())

const answer = <T = Fields>(path: string, json?: unknown) => api.answer<T>(path, json)
const ask = <T = Fields>(path: string, request?: JsonRequest) => api.ask<T>(path, request)

describe('an analysis', () => {
  test('may come compressed with gzip', async () => {
    const body = new Uint8Array(gzipSync(JSON.stringify(chunk(GOOD, 'packed'))))
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    const asked = { method: 'POST', body, headers }
    const response = await fetch(`${platform.url}/api/v1/chunks/analyze`, asked)
    const { metrics } = (await response.json()) as { metrics: Fields }
    assert.deepEqual([response.status, metrics['chunk_id']], [200, 'packed'])
  })

  test('of a chunk has its suggestion and its scores', async () => {
    const given = chunk(BAD)
    const { optimization, metrics } = await answer<{ optimization: Fields; metrics: Fields }>(
      '/api/v1/chunks/analyze',
      given,
    )
    const { id, created_at, ...told } = optimization
    assert.match(String(id), /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    assert.equal(new Date(String(created_at)).toISOString(), created_at)
    assert.deepEqual(told, {
      chunk_id: given.chunk_id,
      type: 'quality',
      priority: 'medium',
      title: 'Chunk quality needs improvement',
      description: 'Quality score is 0.52, which is below the recommended threshold of 0.6',
      suggested_action:
        'Review and rewrite the chunk to improve clarity, coherence, and completeness',
      related_chunks: [],
      status: 'pending',
    })
    assert.equal(metrics['chunk_id'], given.chunk_id)
    for (const name of ['quality', 'redundancy', 'size', 'similarity', 'overall']) {
      const score = metrics[`${name}_score`]
      assert.ok(typeof score === 'number' && score >= 0 && score <= 1, name)
    }
  })

  test('of a good chunk says that nothing has to be done', async () => {
    const { optimization } = await answer<{ optimization: Fields }>(
      '/api/v1/chunks/analyze',
      chunk(GOOD),
    )
    assert.deepEqual([optimization['type'], optimization['status']], ['info', 'applied'])
    const one = await ask(`/api/v1/optimizations/${String(optimization['id'])}`)
    assert.equal(one.status, 404)
  })

  test('of a document finds its copies, clusters them, and counts', async () => {
    const chunks = [chunk(GOOD, 'a'), chunk(GOOD, 'b'), chunk('Something else entirely.', 'c')]
    const document_id = `doc-${randomUUID()}`
    const body = await answer<{
      optimizations: Optimization[]
      total: number
      high_priority: number
      clusters: unknown
      truncated: boolean
      metrics: Fields[]
    }>('/api/v1/documents/analyze', { document_id, chunks })
    assert.equal(body.total, body.optimizations.length)
    const high = body.optimizations.filter(({ priority }) => priority === 'high')
    assert.equal(body.high_priority, high.length)
    assert.deepEqual(body.clusters, [{ keeper: 'a', duplicates: ['b'] }])
    assert.equal(body.truncated, false)
    assert.deepEqual(
      body.metrics.map(({ chunk_id }) => chunk_id),
      ['a', 'b', 'c'],
    )
    const similar = body.optimizations.filter(({ type }) => type === 'similarity')
    assert.deepEqual(
      similar.map(({ chunk_id, related_chunks }) => [chunk_id, related_chunks]),
      [
        ['a', ['b']],
        ['b', ['a']],
      ],
    )
    const options = { check_similarity: false, check_redundancy: false }
    const without = await answer<{ optimizations: Optimization[] }>('/api/v1/documents/analyze', {
      ...{ document_id, chunks, options },
    })
    assert.ok(without.optimizations.every(({ type }) => ['quality', 'size'].includes(type)))
  })

  test('of a document is a report for people too', async () => {
    const response = await fetch(`${platform.url}/api/v1/documents/analyze`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/markdown' },
      body: JSON.stringify({ document_id: 'a|b', chunks: [chunk(GOOD, 'a'), chunk(GOOD, 'b')] }),
    })
    assert.match(response.headers.get('content-type') ?? '', /^text\/markdown/)
    assert.match(await response.text(), /^# Chunk report: `a\|b`\n[^]*\| `a` \| `b` \|\n/)
  })

  test('of a document leaves a report that is read again, the newest of the document', async () => {
    const document_id = `文書 ${randomUUID()}/1 %2F`
    const path = `/api/v1/documents/${encodeURIComponent(document_id)}/report`
    const missing = await ask(path)
    assert.deepEqual([missing.status, missing.body['code']], [404, 'NotFound'])
    const copies = [chunk(GOOD, 'a'), chunk(GOOD, 'b')]
    type Told = { report: Fields; options: Fields; optimizations: { id: string }[] }
    await answer('/api/v1/documents/analyze', { document_id, chunks: [chunk(BAD)] })
    const told = await answer<Told>('/api/v1/documents/analyze', { document_id, chunks: copies })
    const read = await answer<Told & Fields>(path)
    assert.deepEqual([read.report, read.options], [told.report, told.options])
    assert.deepEqual([read['document_id'], read['profile_version']], [document_id, '1'])
    assert.deepEqual(read.report['clusters'], [
      { keeper: 'a', duplicates: ['b'], duplicates_total: 1 },
    ])
    const ids = (read.report['suggestions'] as Fields[]).map(({ id }) => String(id))
    assert.deepEqual(ids.sort(), told.optimizations.map(({ id }) => id).sort())
    const response = await fetch(`${platform.url}${path}`, { headers: { accept: 'text/markdown' } })
    assert.match(response.headers.get('content-type') ?? '', /^text\/markdown/)
    assert.match(
      await response.text(),
      /^# Chunk report: `文書 [^]*\| `b` \| high \| .*\n[^]*\| `a` \| `b` \|\n/,
    )
    for (const id of ['%00', '%', 'x'.repeat(3_000)]) {
      assert.equal((await ask(`/api/v1/documents/${id}/report`)).status, 404, id)
    }
  })

  test('of a batch answers each item in its place, also those that it cannot take', async () => {
    const items = [
      chunk(BAD, 'one'),
      { chunk_id: 'two' },
      7,
      chunk(GOOD, 'three'),
      chunk('', 'one'),
    ]
    const asked = { batch_id: 'b', items }
    const body = await answer<Fields & { results: Fields[] }>('/api/v1/batch/analyze', asked)
    assert.deepEqual([body['processed'], body['total'], body['failed']], [2, 5, 3])
    assert.deepEqual(
      body.results.map(({ item_id }) => item_id),
      ['one', 'two', null, 'three', 'one'],
    )
    assert.deepEqual(body.results[1]?.['error'], {
      error: 'Invalid request',
      code: 'InvalidRequest',
      message: 'content is required',
      details: { field: 'content', constraint: 'required' },
    })
    assert.equal((body.results[2]?.['error'] as Fields)['message'], 'item must be an object')
    assert.equal((body.results[4]?.['error'] as Fields)['code'], 'ValidationError')
    assert.equal((body.results[3]?.['optimization'] as Fields)['type'], 'info')
    const none = await answer('/api/v1/batch/analyze', { batch_id: 'b', items: [] })
    assert.deepEqual([none['processed'], none['total'], none['failed']], [0, 0, 0])
  })

  test('of 3,000 chunks is one event, in the object store, and is answered whole', async () => {
    const text = (i: number) =>
      Array.from({ length: 60 }, (_, k) => `w${(i * 7919 + k * 104_729) % 50_000}`).join(' ')
    const chunks = Array.from({ length: 3_000 }, (_, i) => chunk(`${text(i)}.`, `c${i}`))
    const { metrics } = await answer<{ metrics: Fields[] }>('/api/v1/documents/analyze', {
      ...{ document_id: 'large', chunks },
    })
    assert.equal(metrics.length, 3_000)
    // On a busy machine the list may be told as stale at first.
    await until(async () => {
      const page = await answer<Page>('/api/v1/optimizations?document_id=large&per_page=1')
      return page.pagination.total > 0
    })
  })

  test('asked twice under one key is one analysis', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    const json = chunk(BAD)
    const one = await ask('/api/v1/chunks/analyze', { json, headers })
    const two = await ask('/api/v1/chunks/analyze', { json, headers })
    assert.deepEqual([one.status, two.status], [200, 200])
    assert.deepEqual(one.body, two.body)
  })
})

describe('options', () => {
  const options = {
    weights: { quality: 2, similarity: 0 },
    thresholds: { quality: 0.5 },
    target_tokens: { low: 32, high: 200 },
    ...{ shingle_size: 3, ignore_adjacent_overlap: true, check_size: false },
  }
  const inForce = {
    ...{ check_quality: true, check_redundancy: true, check_size: false, check_similarity: true },
    ...{ similarity_threshold: 0.85, shingle_size: 3, ignore_adjacent_overlap: true },
    weights: { quality: 2, redundancy: 0.3, size: 0.2, similarity: 0 },
    thresholds: { quality: 0.5, redundancy: 0.5, size: 0.5 },
    target_tokens: { min: 0, low: 32, high: 200, max: 2_048 },
  }

  test('of a call are in force for it, and told', async () => {
    const bodies = {
      chunks: { ...chunk(BAD), options },
      documents: { document_id: 'd', chunks: [chunk(BAD)], options },
      batch: { batch_id: 'b', items: [chunk(BAD)], options },
    }
    for (const [path, body] of Object.entries(bodies)) {
      const told = await answer(`/api/v1/${path}/analyze`, body)
      const { options: given, profile_version } = told
      // Whatever else there is to set.
      assert.deepEqual({ ...(given as Fields), ...inForce }, given, path)
      assert.equal(profile_version, '1')
      assert.doesNotMatch(JSON.stringify(told), /quality needs improvement/)
    }
    const none = await answer('/api/v1/batch/analyze', { ...bodies.batch, items: [] })
    assert.deepEqual((none['options'] as Fields)['weights'], inForce.weights)
    const { optimization } = await answer<{ optimization: Fields }>(
      '/api/v1/chunks/analyze',
      chunk(BAD),
    )
    assert.equal(optimization['type'], 'quality')
  })

  test('do not make another suggestion of one that was ignored', async () => {
    const given = chunk(BAD)
    const analyze = async (quality: number) => {
      const asked = { ...given, options: { thresholds: { quality } } }
      type Told = { optimizations: Optimization[] }
      const { optimizations } = await answer<Told>('/api/v1/chunks/analyze', asked)
      return optimizations.find(({ type }) => type === 'quality')
    }
    const first = await analyze(0.6)
    const json = { status: 'ignored' }
    await ask(`/api/v1/optimizations/${first?.id}`, { method: 'PATCH', json })
    assert.equal(await analyze(0.9), undefined)
  })
})

test('the similarity of two texts is what its counts say', async () => {
  const { similarity_score, method, details } = await answer('/api/v1/similarity/calculate', {
    content1: 'This is the first chunk content...',
    content2: 'This is the second chunk content...',
  })
  assert.deepEqual([similarity_score, method], [0.714286, 'jaccard'])
  const { intersection, union } = details as Fields
  assert.deepEqual([intersection, union], [5, 7])
  const texts = { content1: 'the dog bites the man', content2: 'the man bites the dog' }
  const compare = async (shingle_size: number) =>
    (await answer('/api/v1/similarity/calculate', { ...texts, shingle_size }))['similarity_score']
  assert.deepEqual([await compare(1), await compare(2), await compare(5)], [1, 0.6, 0])
})

describe('suggestions', () => {
  test('are listed for a document, filtered, sorted and paged', async () => {
    const document_id = `doc-${randomUUID()}`
    const chunks = [chunk(BAD, `${document_id}-a`), chunk(' ', `${document_id}-b`), chunk(GOOD)]
    const { optimizations } = await answer<{ optimizations: Optimization[] }>(
      '/api/v1/documents/analyze',
      { document_id, chunks },
    )
    const list = (query: string) =>
      answer<Page>(`/api/v1/optimizations?document_id=${document_id}&${query}`)
    const all = await list('')
    assert.equal(all.pagination.total, optimizations.length)
    assert.deepEqual(
      new Set(all.data.map(({ id }) => id)),
      new Set(optimizations.map(({ id }) => id)),
    )
    const urgent = (await list('sort_by=priority')).data.map(({ priority }) => priority)
    const rank = ['high', 'medium', 'low']
    assert.deepEqual(
      urgent,
      urgent.toSorted((a, b) => rank.indexOf(a) - rank.indexOf(b)),
    )
    const scores = (await list('sort_by=overall_score&order=asc')).data.map(
      (one) => one.overall_score!,
    )
    assert.deepEqual(
      scores,
      scores.toSorted((a, b) => a - b),
    )
    const sizes = await list('type=size&status=pending')
    assert.ok(sizes.data.length > 0 && sizes.data.every(({ type }) => type === 'size'))
    assert.equal(
      (await list('max_score=0')).data.every((one) => one.overall_score === 0),
      true,
    )
    assert.equal((await list('date_from=2999-01-01')).pagination.total, 0)
    const { data, pagination } = await list('per_page=1&page=2')
    assert.equal(data.length, 1)
    assert.deepEqual(pagination, {
      page: 2,
      per_page: 1,
      total: optimizations.length,
      total_pages: optimizations.length,
    })
  })

  test('are found by words, whatever is typed', async () => {
    const document_id = `doc-${randomUUID()}`
    const chunks = [chunk(BAD, `${document_id} 吾輩は猫である`), chunk(' ', `${document_id} b`)]
    await answer('/api/v1/documents/analyze', { document_id, chunks })
    const found = async (q: string) => {
      const query = new URLSearchParams({ q, document_id }).toString()
      return (await answer<Page>(`/api/v1/optimizations?${query}`)).data
    }
    assert.deepEqual(
      (await found('猫で needs improvement')).map(({ chunk_id, type }) => [chunk_id, type]),
      [[`${document_id} 吾輩は猫である`, 'quality']],
    )
    assert.deepEqual(await found(''), await found('doc'))
    for (const q of ['nothing-like-it', "') or 1=1 --", `"':*&|!<->\\`, '\0', '\ud83d', '%']) {
      assert.deepEqual(await found(q), [], q)
    }
    const long = await ask(`/api/v1/optimizations?q=${'x'.repeat(10_000)}`)
    assert.deepEqual([long.status, long.body['code']], [422, 'ValidationError'])
    assert.equal((await ask('/api/v1/optimizations?q=%00%ff%')).status < 500, true)
  })

  test('are each document’s own, also of a chunk that two of them hold', async () => {
    const given = chunk(BAD)
    const [one, two] = [randomUUID(), randomUUID()]
    const analyze = (document_id: string, chunks: readonly unknown[]) =>
      answer('/api/v1/documents/analyze', { document_id, chunks })
    const total = async (document_id: string) =>
      (await answer<Page>(`/api/v1/optimizations?document_id=${document_id}`)).pagination.total
    await analyze(one, [given])
    await analyze(two, [given])
    assert.ok((await total(one)) > 0)
    assert.equal(await total(two), await total(one))
    await analyze(two, [])
    assert.deepEqual([(await total(one)) > 0, await total(two)], [true, 0])
  })

  test('that are ignored do not come back until the content changes', async () => {
    const given = chunk(BAD)
    const analyze = async (content: string) => {
      const path = '/api/v1/chunks/analyze'
      return (await answer<{ optimizations: Optimization[] }>(path, { ...given, content }))
        .optimizations
    }
    const [first] = await analyze(BAD)
    assert.equal(first?.type, 'quality')
    const path = `/api/v1/optimizations/${first.id}`
    const settled = await ask<Optimization>(path, { method: 'PATCH', json: { status: 'ignored' } })
    assert.deepEqual([settled.status, settled.body.status], [200, 'ignored'])
    assert.ok((await analyze(BAD)).every(({ type }) => type !== 'quality'))
    assert.equal((await answer<Optimization>(path)).status, 'ignored')

    const [changed] = await analyze(`${BAD} and more of it...`)
    assert.deepEqual([changed?.type, changed?.status], ['quality', 'pending'])
    assert.equal((await answer<Optimization>(path)).status, 'ignored')
    assert.ok((await analyze(BAD)).every(({ type }) => type !== 'quality'))
  })

  test('can be applied, and nothing else can be said of them', async () => {
    const given = chunk(BAD)
    const analyze = () => answer<{ optimizations: Optimization[] }>('/api/v1/chunks/analyze', given)
    const [first, ...rest] = (await analyze()).optimizations
    assert.ok(rest.length > 0)
    const path = `/api/v1/optimizations/${first?.id}`
    const patch = (json: unknown) => ask(path, { method: 'PATCH', json })
    assert.equal((await patch({ status: 'applied' })).body['status'], 'applied')
    // What is still to be done comes first.
    const again = (await analyze()).optimizations
    assert.deepEqual(
      again.map(({ id, status }) => [id, status]),
      [...rest.map(({ id }) => [id, 'pending']), [first?.id, 'applied']],
    )
    assert.equal((await patch({})).status, 400)
    assert.equal((await patch({ status: 'pending' })).status, 422)
  })
})
