/** What the chunk API refuses, and in which words. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import type { JsonRequest } from '../support/fetch-json.ts'
import { chunk, ChunksApi, WHOLE as GOOD, type Fields } from './chunks-api.ts'

let platform: TestPlatform
let api: ChunksApi
before(async () => {
  platform = await startPlatform()
  api = new ChunksApi(platform.url)
})
after(() => platform.stop())

const ask = (path: string, request?: JsonRequest) => api.ask(path, request)

type Refusal = [path: string, json: unknown, status: number, message: string, Fields?]

describe('a request that cannot be', () => {
  const good = chunk(GOOD, 'a')
  const refusals: Refusal[] = [
    [
      'chunks',
      { content: 'x' },
      400,
      'chunk_id is required',
      { field: 'chunk_id', constraint: 'required' },
    ],
    ['chunks', { chunk_id: 'x' }, 400, 'content is required'],
    [
      'chunks',
      { chunk_id: 1, content: 'x' },
      400,
      'chunk_id must be a string',
      { field: 'chunk_id', constraint: 'type' },
    ],
    ['chunks', { chunk_id: '', content: 'x' }, 422, 'chunk_id must not be empty'],
    [
      'chunks',
      { chunk_id: 'a\0', content: 'x' },
      422,
      'chunk_id must not contain control characters',
    ],
    [
      'chunks',
      { chunk_id: 'a'.repeat(257), content: 'x' },
      422,
      'chunk_id must not be longer than 256',
    ],
    ['chunks', [], 400, 'body must be an object'],
    [
      'documents',
      { chunks: [] },
      400,
      'document_id is required',
      { field: 'document_id', constraint: 'required' },
    ],
    ['documents', { document_id: 'd' }, 400, 'chunks is required'],
    ['documents', { document_id: 'd', chunks: {} }, 400, 'chunks must be an array'],
    [
      'documents',
      { document_id: 'd', chunks: [{ chunk_id: 'a' }] },
      400,
      'chunks.0.content is required',
    ],
    ['documents', { document_id: 'd', chunks: [good, good] }, 422, 'chunks.1.chunk_id comes twice'],
    [
      'documents',
      { document_id: 'd', chunks: [], options: { check_size: 1 } },
      400,
      'options.check_size must be a boolean',
    ],
    [
      'documents',
      { document_id: 'd', chunks: [], options: { similarity_threshold: 2 } },
      422,
      'options.similarity_threshold must be <= 1',
    ],
    ...(
      [
        [
          { weigths: {} },
          422,
          'weigths is not known; there are check_quality, check_redundancy, check_size, ' +
            'check_similarity, similarity_threshold, max_embedding_tokens, weights, thresholds, ' +
            'target_tokens, shingle_size, ignore_adjacent_overlap, scope',
        ],
        [
          { weights: { qualty: 1 } },
          422,
          'weights.qualty is not known; there are quality, redundancy, size, similarity',
        ],
        [{ weights: { quality: -1 } }, 422, 'weights.quality must be >= 0'],
        [{ weights: 1 }, 400, 'weights must be an object'],
        [{ thresholds: { size: 1.1 } }, 422, 'thresholds.size must be <= 1'],
        [
          { thresholds: { similarity: 0.9 } },
          422,
          'thresholds.similarity is not known; there are quality, redundancy, size',
        ],
        [{ shingle_size: 6 }, 422, 'shingle_size must be <= 5'],
        [{ shingle_size: 1.5 }, 400, 'shingle_size must be an integer'],
        [{ ignore_adjacent_overlap: 'yes' }, 400, 'ignore_adjacent_overlap must be a boolean'],
        [{ target_tokens: { low: 8, high: 63 } }, 422, 'target_tokens.high must be >= 64'],
        [
          { target_tokens: { high: 9_000 } },
          422,
          'target_tokens.max must be more than high (9000)',
        ],
        [
          { weights: { quality: 0, redundancy: 0, size: 0, similarity: 0 } },
          422,
          'weights must have one that is more than 0',
        ],
      ] as const
    ).flatMap(([options, status, message]): Refusal[] => [
      ['chunks', { ...good, options }, status, `options.${message}`],
      ['documents', { document_id: 'd', chunks: [], options }, status, `options.${message}`],
      ['batch', { batch_id: 'b', items: [], options }, status, `options.${message}`],
    ]),
    [
      'batch',
      { items: [] },
      400,
      'batch_id is required',
      { field: 'batch_id', constraint: 'required' },
    ],
    [
      'batch',
      { batch_id: 'b', items: Array.from({ length: 10_001 }, () => 0) },
      422,
      'items must not have more than 10000 items',
    ],
    ['batch', { batch_id: 'b' }, 400, 'items is required'],
  ]
  for (const [path, json, status, message, details] of refusals) {
    test(`${path}: ${status} ${message}`, async () => {
      const {
        status: given,
        body,
        headers,
      } = await ask(`/api/v1/${path}/analyze`, {
        json,
        headers: { 'x-request-id': 'req_123456' },
      })
      assert.equal(given, status, JSON.stringify(body))
      assert.equal(body['message'], message)
      assert.equal(body['error'], status === 400 ? 'Invalid request' : 'ValidationError')
      assert.equal(body['code'], status === 400 ? 'InvalidRequest' : 'ValidationError')
      assert.equal(body['request_id'], 'req_123456')
      assert.equal(headers.get('x-request-id'), 'req_123456')
      assert.match(headers.get('x-response-time') ?? '', /^\d+(\.\d+)?$/)
      if (details !== undefined) assert.deepEqual(body['details'], details)
    })
  }

  test('similarity names both texts where one is missing', async () => {
    for (const json of [{}, { content1: 'x' }, { content1: '', content2: 'x' }]) {
      const { status, body } = await ask('/api/v1/similarity/calculate', { json })
      assert.equal(status, 400)
      assert.equal(body['message'], 'content1 and content2 are required')
    }
    const { status } = await ask('/api/v1/similarity/calculate', {
      json: { content1: 1, content2: 'x' },
    })
    assert.equal(status, 400)
  })

  test('a list that cannot be is refused, field by field', async () => {
    const wrong: [query: string, status: number][] = [
      ['page=x', 400],
      ['page=0', 422],
      ['per_page=101', 422],
      ['sort_by=title', 422],
      ['order=up', 422],
      ['type=info', 422],
      ['min_score=high', 400],
      ['max_score=1.5', 422],
      ['date_from=yesterday', 400],
      ['date_to=2024-13-01', 422],
      ['date_to=2024-02-30', 422],
      ['date_from=0000-01-01', 422],
      ['date_from=0001-01-01T00:00%2B14:00', 422],
      ['date_to=9999-12-31T23:59:59-01:00', 422],
    ]
    for (const [query, status] of wrong) {
      const answered = await ask(`/api/v1/optimizations?${query}`)
      assert.equal(answered.status, status, query)
      assert.equal((answered.body['details'] as Fields)['field'], query.split('=')[0])
    }
  })

  test('a range that ends before it begins is refused, and both its ends are named', async () => {
    const wrong: readonly (readonly [query: string, message: string])[] = [
      ['min_score=0.5&max_score=0.4', 'min_score must not be more than max_score'],
      ['date_from=2024-02-01&date_to=2024-01-31T23:59', 'date_from must not be more than date_to'],
    ]
    for (const [query, message] of wrong) {
      const { status, body } = await ask(`/api/v1/optimizations?${query}`)
      assert.deepEqual([status, body['message']], [422, message])
    }
    const point = 'min_score=0.5&max_score=0.50&date_from=2024-02-01&date_to=2024-02-01T00:00Z'
    const day = 'date_from=2024-02-01T23:59:59.999Z&date_to=2024-02-01'
    for (const query of [point, day]) {
      assert.equal((await ask(`/api/v1/optimizations?${query}`)).status, 200)
    }
  })

  test('a parameter that there is not is refused, and those that there are are named', async () => {
    const { status, body } = await ask('/api/v1/optimizations?page=1&min_scor=0.5')
    const { known, ...details } = body['details'] as { known: readonly string[] }
    assert.deepEqual([status, body['code']], [400, 'InvalidRequest'])
    assert.deepEqual(details, { field: 'min_scor', constraint: 'known' })
    assert.equal(body['message'], `min_scor is no query parameter; there are ${known.join(', ')}.`)
    assert.ok(known.includes('min_score') && known.includes('q'))
  })

  test('a parameter is refused where there is none, and where it comes twice', async () => {
    for (const path of ['documents/d/report', `optimizations/${randomUUID()}`]) {
      const { status, body } = await ask(`/api/v1/${path}?format=md`)
      const message = 'format is no query parameter; there are none here.'
      assert.deepEqual([status, body['message']], [400, message])
    }
    // Whoever looks for unknown names and whoever reads the known ones read the same.
    assert.equal((await ask('/api/v1/optimizations??page=0')).status, 422)
    const twice = ['/api/v1/optimizations?page=1&page=2', '/api/v1/optimizations?q=a&q=a']
    for (const path of [...twice, '/api/v1/events?limit=1&limit=2']) {
      const response = await fetch(`${platform.url}${path}`)
      const [, name] = /\?(\w+)/.exec(path) ?? []
      assert.equal(response.status, 400, path)
      assert.ok((await response.text()).includes(`${name} is a query parameter`), path)
    }
  })

  test('a name that is cut in an error is cut to whole characters', async () => {
    const name = `${'x'.repeat(63)}😀`
    const [listed, analysed] = [
      await ask(`/api/v1/optimizations?${encodeURIComponent(name)}=1`),
      await ask('/api/v1/chunks/analyze', {
        json: { chunk_id: 'a', content: 'b', options: { [name]: 1 } },
      }),
    ]
    for (const [{ body }, field] of [
      [listed, `${'x'.repeat(63)}\uFFFD`],
      [analysed, `options.${'x'.repeat(63)}\uFFFD`],
    ] as const) {
      assert.equal((body['details'] as Fields)['field'], field)
      assert.ok(String(body['message']).isWellFormed())
    }
  })

  test('takes a score with every digit that a double has', async () => {
    const score = 0.5417804573662579
    const { status } = await ask(`/api/v1/optimizations?min_score=1e-3&max_score=${score}`)
    assert.equal(status, 200)
  })

  test('what is not there is 404, and what is not JSON 400', async () => {
    for (const id of ['x', randomUUID()]) {
      const { status, body } = await ask(`/api/v1/optimizations/${id}`)
      assert.deepEqual([status, body['error'], body['code']], [404, 'NotFound', 'NotFound'])
    }
    const response = await fetch(`${platform.url}/api/v1/chunks/analyze`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    })
    assert.equal(response.status, 400)
    assert.equal(((await response.json()) as Fields)['error'], 'Invalid request')
  })
})

test('too many requests are told when there is room again', async () => {
  const compare = () =>
    ask('/api/v1/similarity/calculate', { json: { content1: 'a', content2: 'b' } })
  const answers = []
  for (let i = 0; i < 101; i++) answers.push(await compare())
  const refused = answers.find(({ status }) => status === 429)
  assert.ok(refused)
  const { error, code, retry_after } = refused.body
  assert.deepEqual([error, code], ['RateLimitExceeded', 'RateLimitExceeded'])
  assert.equal(String(retry_after), refused.headers.get('retry-after'))
  assert.equal(refused.headers.get('x-rate-limit-remaining'), '0')
  assert.match(refused.headers.get('x-rate-limit-reset') ?? '', /^\d{10}$/)
})
