/** The examples of the document 003, as its pages show them. */

const QUALITY = {
  id: '550e8400-e29b-41d4-a716-446655440000',
  chunk_id: 'chunk-001',
  type: 'quality',
  priority: 'medium',
  title: 'Chunk quality needs improvement',
  description: 'Quality score is 0.55, which is below the recommended threshold of 0.6',
  suggested_action: 'Review and rewrite the chunk to improve clarity, coherence, and completeness',
  related_chunks: [],
  created_at: '2024-01-17T10:00:00Z',
  status: 'pending',
}
const METRICS = {
  chunk_id: 'chunk-001',
  quality_score: 0.55,
  redundancy_score: 0.2,
  size_score: 0.8,
  similarity_score: 0.1,
  overall_score: 0.62,
}
const chunk = (id: string, content: string, page: number) => ({
  chunk_id: id,
  content,
  metadata: { source_file: 'document.pdf', page },
})
const CHUNKS = [
  chunk('chunk-001', 'First chunk content...', 1),
  chunk('chunk-002', 'Second chunk content...', 2),
]
const CHECKS = {
  check_quality: true,
  check_redundancy: true,
  check_size: true,
  check_similarity: true,
}

export const CHUNK = chunk('chunk-001', 'This is a sample chunk content...', 1)
export const CHUNK_ANALYSIS = { optimization: QUALITY, metrics: METRICS }

export const DOCUMENT = {
  document_id: 'doc-001',
  chunks: CHUNKS,
  options: { ...CHECKS, similarity_threshold: 0.85 },
}
export const DOCUMENT_ANALYSIS = {
  document_id: 'doc-001',
  optimizations: [QUALITY],
  total: 1,
  high_priority: 0,
}

export const BATCH = { batch_id: 'batch-001', items: CHUNKS, options: CHECKS }
export const BATCH_ANALYSIS = {
  batch_id: 'batch-001',
  results: [{ item_id: 'chunk-001', optimization: QUALITY, metrics: METRICS }],
  processed: 2,
  total: 2,
  failed: 0,
}

export const TEXTS = {
  content1: 'This is the first chunk content...',
  content2: 'This is the second chunk content...',
}
export const SIMILARITY = {
  similarity_score: 0.35,
  method: 'jaccard',
  details: { intersection: 5, union: 14 },
}
