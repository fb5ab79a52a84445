/** What each route of the chunk API promises. Source: the document 003. */
import Type from 'typebox'
import type { RouteName } from '../../access/routes.ts'
import {
  BatchInput,
  ChunkInput,
  CHUNKS_MAX,
  DocumentInput,
  LoneChunkInput,
  OPEN,
  SettleInput,
  SimilarityInput,
} from '../../chunks/valid.ts'
import type { Operation } from '../../documents/operation.ts'
import { STALE } from '../../http/shapes.ts'
import {
  BatchAnalysis,
  ChunkAnalysis,
  DocumentAnalysis,
  DocumentReport,
  OptimizationPage,
  Similarity,
  StoredOptimization,
} from './answers.ts'
import * as examples from './examples.ts'
import { LISTING_QUERY } from './listing.ts'

const IMPOSSIBLE = 'A value is of the right type, and yet none that can be.'
const NO_QUERY = 'There are no query parameters here.'
const NONE = 'There is no such optimization of yours.'
const ID = {
  id: { schema: Type.String(), description: 'The `id` of a suggestion: a UUID.' },
}

/** A bad item fails by itself, so the whole is valid with it; what it should be is said here. */
const BatchBody = Type.Object(
  {
    ...BatchInput.properties,
    items: Type.Array(ChunkInput, {
      maxItems: CHUNKS_MAX,
      description: 'A bad one fails alone, told in its place of `results`.',
    }),
  },
  { title: 'BatchInput', ...OPEN },
)

const SimilarityBody = Type.Object(
  {
    content1: Type.String({ minLength: 1 }),
    content2: Type.String({ minLength: 1 }),
    ...SimilarityInput.properties,
  },
  { title: 'SimilarityInput' },
)

export const chunkOperations = {
  'POST /api/v1/chunks/analyze': {
    tag: 'chunks',
    summary: 'Analyse one chunk',
    description:
      'Scores it, and suggests what to do about it. `optimization` is the most urgent suggestion; ' +
      'where nothing has to be done, it says so, with the type `info`, and is kept nowhere.',
    body: { schema: LoneChunkInput, examples: { chunk: examples.CHUNK } },
    answers: {
      200: {
        description: 'The scores and the suggestions.',
        content: { schema: ChunkAnalysis, examples: { analysed: examples.CHUNK_ANALYSIS } },
      },
    },
    refuses: { 422: IMPOSSIBLE },
  },
  'POST /api/v1/documents/analyze': {
    tag: 'chunks',
    summary: 'Analyse the chunks of a document together',
    description: 'With `Accept: text/markdown` it answers a report for people.',
    body: { schema: DocumentInput, examples: { document: examples.DOCUMENT } },
    answers: {
      200: {
        description: 'Suggestions, duplicates and a report.',
        content: [
          { schema: DocumentAnalysis, examples: { analysed: examples.DOCUMENT_ANALYSIS } },
          { schema: Type.String(), contentType: 'text/markdown' },
        ],
      },
    },
    refuses: { 422: IMPOSSIBLE },
  },
  'GET /api/v1/documents/:document_id/report': {
    tag: 'chunks',
    summary: 'Read the newest report of a document',
    description: 'With `Accept: text/markdown` it is for people.',
    path: { document_id: { schema: Type.String(), description: 'As it was analysed.' } },
    answers: {
      200: {
        description: 'The report, and what it was made by.',
        content: [
          { schema: DocumentReport },
          { schema: Type.String(), contentType: 'text/markdown' },
        ],
        headers: STALE,
      },
    },
    refuses: { 400: NO_QUERY, 404: 'No such document of yours has been analysed.' },
  },
  'POST /api/v1/batch/analyze': {
    tag: 'chunks',
    summary: 'Analyse many chunks at once',
    description: 'One request instead of many; each item succeeds or fails by itself.',
    body: { schema: BatchBody, examples: { batch: examples.BATCH } },
    answers: {
      200: {
        description: 'A result for each item, in their order.',
        content: { schema: BatchAnalysis, examples: { analysed: examples.BATCH_ANALYSIS } },
      },
    },
    refuses: { 422: IMPOSSIBLE },
  },
  'POST /api/v1/similarity/calculate': {
    tag: 'chunks',
    summary: 'Compare two texts',
    body: { schema: SimilarityBody, examples: { texts: examples.TEXTS } },
    answers: {
      200: {
        description: 'How similar they are, and the counts that say so.',
        content: { schema: Similarity, examples: { compared: examples.SIMILARITY } },
      },
    },
    refuses: { 422: IMPOSSIBLE },
  },
  'GET /api/v1/optimizations': {
    tag: 'chunks',
    summary: 'List suggestions',
    description:
      'Those that the newest analysis of each chunk makes, whatever its options, and as a record all ' +
      'that were applied or ignored, also of contents that are no more.',
    query: LISTING_QUERY,
    answers: {
      200: {
        description: 'A page of them.',
        content: { schema: OptimizationPage },
        headers: STALE,
      },
    },
    refuses: {
      400: 'A parameter is of the wrong type or comes twice, or there is none of its name.',
      422: `${IMPOSSIBLE} A least that is above its greatest is one, too.`,
    },
  },
  'GET /api/v1/optimizations/:id': {
    tag: 'chunks',
    summary: 'Read a suggestion',
    path: ID,
    answers: {
      200: {
        description: 'The suggestion.',
        content: { schema: StoredOptimization },
        headers: STALE,
      },
    },
    refuses: { 400: NO_QUERY, 404: NONE },
  },
  'PATCH /api/v1/optimizations/:id': {
    tag: 'chunks',
    summary: 'Settle a suggestion',
    description: 'One that is ignored does not come back until the content of its chunk changes.',
    path: ID,
    body: { schema: SettleInput, examples: { ignored: { status: 'ignored' } } },
    answers: {
      200: {
        description: 'The suggestion as it is now.',
        content: { schema: StoredOptimization },
        headers: STALE,
      },
    },
    refuses: { 404: NONE, 422: IMPOSSIBLE },
  },
} satisfies Partial<Record<RouteName, Operation>>
