/**
 * The chunk API document as data: its requests and responses, word for word, and its tables.
 * Source: the document 003.
 */

const CHUNKS = [
  {
    chunk_id: 'chunk-001',
    content: 'First chunk content...',
    metadata: { source_file: 'document.pdf', page: 1 },
  },
  {
    chunk_id: 'chunk-002',
    content: 'Second chunk content...',
    metadata: { source_file: 'document.pdf', page: 2 },
  },
]
const OPTIONS = {
  check_quality: true,
  check_redundancy: true,
  check_size: true,
  check_similarity: true,
}

export const OPTIMIZATION = {
  id: '550e8400-e29b-41d4-a716-446655440000',
  chunk_id: 'chunk-001',
  type: 'quality',
  priority: 'medium',
  title: 'Chunk quality needs improvement',
  description: 'Quality score is 0.55, which is below the recommended threshold of 0.6',
  suggested_action: 'Review and rewrite the chunk to improve clarity, coherence, and completeness',
  related_chunks: [] as string[],
  created_at: '2024-01-17T10:00:00Z',
  status: 'pending',
}

export const METRICS = {
  chunk_id: 'chunk-001',
  quality_score: 0.55,
  redundancy_score: 0.2,
  size_score: 0.8,
  similarity_score: 0.1,
  overall_score: 0.62,
}

interface Example {
  readonly path: string
  readonly body: object
  readonly answer: object
  /** What to leave out of the request, and what the document answers then. */
  readonly without: { readonly field: string; readonly answer: object }
}

const required = (field: string) => ({
  field,
  answer: {
    error: 'Invalid request',
    message: `${field} is required`,
    details: { field, constraint: 'required' },
  },
})

export const EXAMPLES: readonly Example[] = [
  {
    path: '/api/v1/chunks/analyze',
    body: {
      chunk_id: 'chunk-001',
      content: 'This is a sample chunk content...',
      metadata: { source_file: 'document.pdf', page: 1 },
    },
    answer: { optimization: OPTIMIZATION, metrics: METRICS },
    without: required('chunk_id'),
  },
  {
    path: '/api/v1/documents/analyze',
    body: {
      document_id: 'doc-001',
      chunks: CHUNKS,
      options: { ...OPTIONS, similarity_threshold: 0.85 },
    },
    answer: { document_id: 'doc-001', optimizations: [OPTIMIZATION], total: 1, high_priority: 0 },
    without: required('document_id'),
  },
  {
    path: '/api/v1/batch/analyze',
    body: { batch_id: 'batch-001', items: CHUNKS, options: OPTIONS },
    answer: {
      batch_id: 'batch-001',
      results: [{ item_id: 'chunk-001', optimization: OPTIMIZATION, metrics: METRICS }],
      processed: 2,
      total: 2,
      failed: 0,
    },
    without: required('batch_id'),
  },
  {
    path: '/api/v1/similarity/calculate',
    body: {
      content1: 'This is the first chunk content...',
      content2: 'This is the second chunk content...',
    },
    answer: {
      similarity_score: 0.35,
      method: 'jaccard',
      details: { intersection: 5, union: 14 },
    },
    without: {
      field: 'content2',
      answer: { error: 'Invalid request', message: 'content1 and content2 are required' },
    },
  },
]

export const ENUMS: Readonly<Record<string, readonly string[]>> = {
  type: ['quality', 'redundancy', 'size', 'similarity', 'info'],
  priority: ['low', 'medium', 'high'],
  status: ['pending', 'applied', 'ignored'],
}

export const LIST = {
  data: [] as object[],
  pagination: { page: 1, per_page: 20, total: 100, total_pages: 5 },
}

/** In its order: the name of the error and its status. */
export const ERRORS: readonly (readonly [name: string, status: number])[] = [
  ['InvalidRequest', 400],
  ['ValidationError', 422],
  ['NotFound', 404],
  ['RateLimitExceeded', 429],
  ['InternalServerError', 500],
  ['ServiceUnavailable', 503],
]

export const RESPONSE_HEADERS = ['content-type', 'x-request-id', 'x-response-time']
export const LIMIT_HEADERS = ['x-rate-limit-remaining', 'x-rate-limit-reset']
/** Per user or address. */
export const LIMITS = { minute: 100, hour: 1_000 }
