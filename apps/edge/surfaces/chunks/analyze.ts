/**
 * The chunk API, part 1: a chunk, a document or a batch, analysed.
 * Source: sections 2 to 4 of its document.
 */
import { randomUUID } from 'node:crypto'
import { markdownOf, reportOf } from '#domain/chunks/report.ts'
import { Problem } from '#domain/problem.ts'
import {
  ANALYSIS_OPTIONS,
  chunkMessageId,
  type AnalysedChunk,
  type AnalysisCompleted,
  type AnalysisKind,
  type AnalysisOptions,
  type Chunk,
  type CompletedAnalysis,
} from '#events/chunks.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import type { SendCommand } from '../../commands.ts'
import { readJson } from '../../http/body.ts'
import type { Answer, Exchange, Router } from '../../http/exchange.ts'
import {
  BatchInput,
  ChunkInput,
  chunkValidator,
  DocumentInput,
  impossible,
  type Validate,
} from './valid.ts'

const validChunk: Validate<ChunkInput> = chunkValidator(ChunkInput)
const validDocument: Validate<DocumentInput> = chunkValidator(DocumentInput)
const validBatch: Validate<BatchInput> = chunkValidator(BatchInput)
const MARKDOWN = 'text/markdown'

export interface AnalyzeRoutesOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly send: SendCommand
  readonly maxBodyBytes: number
}

interface Asked {
  readonly kind: AnalysisKind
  readonly name: string
  readonly chunks: readonly Chunk[]
  readonly options: Partial<AnalysisOptions> | undefined
}

export function analyzeRoutes(router: Router, options: AnalyzeRoutesOptions): void {
  const { bus, payloads, send, maxBodyBytes } = options
  const bodyOf = ({ incoming }: Exchange) => readJson(incoming, maxBodyBytes)

  async function analysed(
    { kind, name, chunks, options: given }: Asked,
    { principal: { owner }, cause, effect }: Exchange,
  ): Promise<CompletedAnalysis> {
    const analysis_id = await effect.newId({ take: () => randomUUID() })
    effect.requireMine()
    const type = 'analysis.run'
    const checked = { ...ANALYSIS_OPTIONS, ...given }
    const { seq, data } = await send<CompletedAnalysis>(
      {
        type,
        id: chunkMessageId.command(type, analysis_id),
        // The same analysis may be asked again while the log still remembers the first time.
        messageId: chunkMessageId.command(type, randomUUID()),
        subject: analysis_id,
        data: { analysis_id, owner, kind, name, options: checked, chunks },
        isAskedFor: true,
      },
      cause,
    )
    if (data !== undefined) return data
    const recorded = await readEvent<AnalysisCompleted>(bus, payloads, { seq })
    if (recorded !== undefined) return recorded.event.data
    throw new Problem('INTERNAL', 'The analysis was recorded, but cannot be read.')
  }

  router.on('POST /api/v1/chunks/analyze', async (exchange) => {
    const chunk = validChunk(await bodyOf(exchange))
    const asked = { kind: 'chunk' as const, name: chunk.chunk_id, chunks: [chunk] }
    const { chunks } = await analysed({ ...asked, options: undefined }, exchange)
    const [only] = chunks
    if (only === undefined) throw new Problem('INTERNAL', 'The analysis has no chunk.')
    const [optimization] = only.optimizations
    const { metrics, optimizations, tokens } = only
    return answered({ optimization, metrics, optimizations, tokens })
  })

  router.on('POST /api/v1/documents/analyze', async (exchange) => {
    const { document_id, chunks, options: given } = validDocument(await bodyOf(exchange))
    requireDistinct(chunks)
    const asked = { kind: 'document' as const, name: document_id, chunks, options: given }
    const analysis = await analysed(asked, exchange)
    const report = reportOf({
      ...analysis,
      chunks: analysis.chunks.map((chunk) => ({ ...chunk, findings: chunk.optimizations })),
    })
    if (wantsMarkdown(exchange)) {
      const headers = { 'content-type': `${MARKDOWN}; charset=utf-8` }
      return { status: 200, body: markdownOf(document_id, report), headers }
    }
    const optimizations = analysis.chunks.flatMap((chunk) => chunk.optimizations)
    const { clusters, similarity_floor, truncated } = analysis
    return answered({
      document_id,
      optimizations,
      total: optimizations.length,
      high_priority: optimizations.filter(({ priority }) => priority === 'high').length,
      metrics: analysis.chunks.map(({ metrics }) => metrics),
      ...{ clusters, similarity_floor, truncated, report },
    })
  })

  router.on('POST /api/v1/batch/analyze', async (exchange) => {
    const { batch_id, items, options: given } = validBatch(await bodyOf(exchange))
    const checked = checkedItems(items)
    const chunks = checked.filter((item): item is ChunkInput => !(item instanceof Problem))
    const asked = { kind: 'batch' as const, name: batch_id, chunks, options: given }
    const analysis = chunks.length === 0 ? undefined : await analysed(asked, exchange)
    const found = (analysis?.chunks ?? []).values()
    const results = checked.map((item, i) =>
      item instanceof Problem ? failedItem(items[i], item) : itemView(found.next().value),
    )
    return answered({
      ...{ batch_id, results },
      processed: chunks.length,
      total: items.length,
      failed: items.length - chunks.length,
      truncated: analysis?.truncated ?? false,
    })
  })
}

const answered = (body: unknown): Answer => ({ status: 200, body: JSON.stringify(body) })

const wantsMarkdown = ({ header }: Exchange) => header('accept')?.includes(MARKDOWN) === true

function requireDistinct(chunks: readonly ChunkInput[]): void {
  const seen = new Set<string>()
  chunks.forEach(({ chunk_id }, i) => {
    if (seen.has(chunk_id)) throw impossible(`chunks.${i}.chunk_id`, 'unique', 'comes twice')
    seen.add(chunk_id)
  })
}

/** Each item, or what is wrong with it. */
function checkedItems(items: readonly unknown[]): readonly (ChunkInput | Problem)[] {
  const seen = new Set<string>()
  return items.map((item) => {
    try {
      const chunk = validChunk(item)
      if (seen.has(chunk.chunk_id)) throw impossible('chunk_id', 'unique', 'comes twice')
      seen.add(chunk.chunk_id)
      return chunk
    } catch (error) {
      if (error instanceof Problem) return error
      throw error
    }
  })
}

function itemView(chunk: AnalysedChunk | undefined) {
  if (chunk === undefined) throw new Problem('INTERNAL', 'The analysis lacks a chunk.')
  const { metrics, optimizations } = chunk
  return { item_id: metrics.chunk_id, optimization: optimizations[0], metrics, optimizations }
}

function failedItem(item: unknown, { code, message, details }: Problem) {
  const id = (item as { chunk_id?: unknown } | null)?.chunk_id
  const error = code === 'VALIDATION_FAILED' ? 'ValidationError' : 'Invalid request'
  return { item_id: typeof id === 'string' ? id : null, error: { error, message, details } }
}
