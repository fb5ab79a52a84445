/**
 * Chunk analysis without a transport: whatever body a surface has read goes in, what its document
 * promises comes out. REST and gRPC stand before it and add nothing of their own.
 * Source: sections 2 to 5 of the chunk API's document.
 */
import { randomUUID } from 'node:crypto'
import { optionsInForce, PROFILE_VERSION, type GivenOptions } from '#domain/chunks/options.ts'
import { Problem } from '#domain/problem.ts'
import {
  chunkMessageId,
  type AnalysedChunk,
  type AnalysisCompleted,
  type AnalysisKind,
  type CompletedAnalysis,
} from '#events/analyses.ts'
import type { Chunk } from '#events/chunks.ts'
import type { Cause } from '#events/envelope.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import type { SendCommand } from '../commands.ts'
import type { Effect } from '../idempotency/effect.ts'
import { suggestionsFor } from './all-is-well.ts'
import {
  BatchInput,
  ChunkInput,
  chunkValidator,
  DocumentInput,
  impossible,
  LoneChunkInput,
  refused,
  type Validate,
} from './valid.ts'

const validChunk: Validate<ChunkInput> = chunkValidator(ChunkInput, 'item')
const validLoneChunk: Validate<LoneChunkInput> = chunkValidator(LoneChunkInput)
const validDocument: Validate<DocumentInput> = chunkValidator(DocumentInput)
const validBatch: Validate<BatchInput> = chunkValidator(BatchInput)

/** Of more, an analysis takes seconds where others use the same cores. */
const FEW_CHUNKS = 1_000
const MANY_WITHIN_MS = 60_000

export interface AnalysesOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly send: SendCommand
}

/** Who asks, and in what connection. */
export interface Asking {
  readonly principal: { readonly owner: string }
  readonly cause: Cause
  readonly effect: Effect
  /** Nobody waits for the answer after this time. */
  readonly untilMs?: number
}

export type Analyses = ReturnType<typeof createAnalyses>

interface Asked {
  readonly kind: AnalysisKind
  readonly name: string
  readonly chunks: readonly Chunk[]
  readonly options: GivenOptions | undefined
}

/** What callers put beside the fields of a chunk is theirs, and travels no further. */
function asNamed({ chunk_id, content, metadata }: Chunk): Chunk {
  return { chunk_id, content, ...(metadata !== undefined && { metadata }) }
}

export function createAnalyses({ bus, payloads, send }: AnalysesOptions) {
  async function analysed(
    { kind, name, chunks, options: given }: Asked,
    { principal: { owner }, cause, effect, untilMs }: Asking,
  ): Promise<CompletedAnalysis> {
    const inForce = optionsInForce(given)
    const analysis_id = await effect.newId({ take: () => randomUUID() })
    effect.requireMine()
    const type = 'analysis.run'
    const { seq, data } = await send<CompletedAnalysis>(
      {
        type,
        id: chunkMessageId.command(type, analysis_id),
        // The same analysis may be asked again while the log still remembers the first time.
        messageId: chunkMessageId.command(type, randomUUID()),
        subject: analysis_id,
        data: { analysis_id, owner, kind, name, options: inForce, chunks: chunks.map(asNamed) },
        isAskedFor: true,
        ...(chunks.length > FEW_CHUNKS && { withinMs: MANY_WITHIN_MS }),
        untilMs,
      },
      cause,
    )
    if (data !== undefined) return data
    const recorded = await readEvent<AnalysisCompleted>(bus, payloads, { seq })
    if (recorded !== undefined) return recorded.event.data
    throw new Problem('INTERNAL', 'The analysis was recorded, but cannot be read.')
  }

  return {
    async chunk(body: unknown, asking: Asking) {
      const { options, ...chunk } = validLoneChunk(body)
      const asked = { kind: 'chunk' as const, name: chunk.chunk_id, chunks: [chunk], options }
      const analysis = await analysed(asked, asking)
      const [only] = analysis.chunks
      if (only === undefined) throw new Problem('INTERNAL', 'The analysis has no chunk.')
      const { metrics, tokens } = only
      const { optimization, optimizations } = suggestionsFor(only, analysis)
      return {
        ...{ optimization, metrics, optimizations, tokens },
        ...inForceIn(analysis),
      }
    },

    async document(body: unknown, asking: Asking) {
      const { document_id, chunks, options } = validDocument(body)
      requireDistinct(chunks)
      const asked = { kind: 'document' as const, name: document_id, chunks, options }
      const analysis = await analysed(asked, asking)
      const optimizations = analysis.chunks.flatMap((chunk) => chunk.optimizations)
      const { clusters, similarity_floor, truncated, report } = analysis
      if (report === undefined) throw new Problem('INTERNAL', 'The analysis has no report.')
      return {
        document_id,
        optimizations,
        total: optimizations.length,
        high_priority: optimizations.filter(({ priority }) => priority === 'high').length,
        metrics: analysis.chunks.map(({ metrics }) => metrics),
        ...{ clusters, similarity_floor, truncated, report },
        ...inForceIn(analysis),
      }
    },

    async batch(body: unknown, asking: Asking) {
      const { batch_id, items, options } = validBatch(body)
      const checked = checkedItems(items)
      const chunks = checked.filter((item): item is ChunkInput => !(item instanceof Problem))
      const asked = { kind: 'batch' as const, name: batch_id, chunks, options }
      const nothing = { options: optionsInForce(options), profile_version: PROFILE_VERSION }
      const analysis = chunks.length === 0 ? undefined : await analysed(asked, asking)
      const found = (analysis?.chunks ?? []).values()
      const results = checked.map((item, i) =>
        item instanceof Problem
          ? failedItem(items[i], item)
          : itemView(found.next().value, analysis),
      )
      return {
        ...{ batch_id, results },
        processed: chunks.length,
        total: items.length,
        failed: items.length - chunks.length,
        truncated: analysis?.truncated ?? false,
        ...inForceIn(analysis ?? nothing),
      }
    },
  }
}

/** What the analysis went by. */
const inForceIn = ({
  options,
  profile_version,
  corpus,
}: Pick<CompletedAnalysis, 'options' | 'profile_version' | 'corpus'>) => ({
  ...{ options, profile_version },
  ...(corpus !== undefined && { corpus }),
})

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
      // A message can lack it; JSON cannot.
      if (item === undefined) throw refused('item', 'required', 'is required')
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

function itemView(chunk: AnalysedChunk | undefined, analysis: CompletedAnalysis | undefined) {
  if (chunk === undefined || analysis === undefined) {
    throw new Problem('INTERNAL', 'The analysis lacks a chunk.')
  }
  const { metrics } = chunk
  const { optimization, optimizations } = suggestionsFor(chunk, analysis)
  return { item_id: metrics.chunk_id, optimization, metrics, optimizations }
}

function failedItem(item: unknown, { code, message, details }: Problem) {
  const id = (item as { chunk_id?: unknown } | null)?.chunk_id
  const named = code === 'VALIDATION_FAILED' ? IMPOSSIBLE : INVALID
  return { item_id: typeof id === 'string' ? id : null, error: { ...named, message, details } }
}

/** As the document spells them: in its examples, and in its table of errors. */
const INVALID = { error: 'Invalid request', code: 'InvalidRequest' } as const
const IMPOSSIBLE = { error: 'ValidationError', code: 'ValidationError' } as const
