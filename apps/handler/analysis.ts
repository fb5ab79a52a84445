/** An analysis as it is recorded: what the domain found, with ids that stay. */
import { hash } from 'node:crypto'
import { analyse, type Corpus } from '#domain/chunks/analysis.ts'
import { fingerprintOf } from '#domain/chunks/fingerprint.ts'
import { optionsInForce, PROFILE_VERSION } from '#domain/chunks/options.ts'
import { reportOf } from '#domain/chunks/report.ts'
import { nothingToDo } from '#domain/chunks/suggestions.ts'
import {
  placeOf,
  type CompletedAnalysis,
  type Optimization,
  type RunAnalysis,
  type SettledStatus,
} from '#events/analyses.ts'
import type { OptimizationType } from '#events/chunks.ts'
import { sealedFingerprint } from './fingerprints.ts'

export type AnalysisRequest = Omit<RunAnalysis['data'], 'deadline'>

export function completedAnalysis(
  request: AnalysisRequest,
  created_at: string,
  corpus?: Corpus,
): CompletedAnalysis {
  const { analysis_id, owner, kind, name, chunks } = request
  // An edge of before asks with fewer.
  const options = optionsInForce(request.options)
  const { chunks: analysed, vocabulary, ...whole } = analyse(chunks, options, corpus)
  return {
    ...{ analysis_id, owner, kind, name, options, profile_version: PROFILE_VERSION, created_at },
    ...whole,
    chunks: analysed.map(({ metrics, findings, tokens }, i) => {
      const { chunk_id } = metrics
      const content_hash = hash('sha256', chunks[i]?.content ?? '', 'base64url')
      const optimizations = findings.map((finding): Optimization => {
        const id = optimizationId(request, chunk_id, content_hash, finding.type)
        return { id, ...finding, created_at, status: 'pending' }
      })
      return { content_hash, metrics, tokens, optimizations }
    }),
    fingerprints: analysed.map(({ read }) =>
      sealedFingerprint(fingerprintOf(read, vocabulary), owner),
    ),
  }
}

/** As far as somebody has decided about it: what was ignored is not suggested while the content stays. */
export function settled(
  analysis: CompletedAnalysis,
  decided: ReadonlyMap<string, SettledStatus>,
): CompletedAnalysis {
  if (decided.size === 0) return analysis
  const chunks = analysis.chunks.map((chunk) => ({
    ...chunk,
    optimizations: chunk.optimizations
      .filter(({ id }) => decided.get(id) !== 'ignored')
      .map((one) => ({ ...one, status: decided.get(one.id) ?? one.status })),
  }))
  return { ...analysis, chunks }
}

/** A document's report tells what is left to be done, so it is made last. */
export function reported(analysis: CompletedAnalysis): CompletedAnalysis {
  if (analysis.kind !== 'document') return analysis
  const chunks = analysis.chunks.map((chunk) => ({
    ...chunk,
    findings: chunk.optimizations.filter(({ status }) => status === 'pending'),
  }))
  return { ...analysis, report: reportOf({ ...analysis, chunks }) }
}

/** Chunks and batches are answered with one suggestion for each chunk, if only that all is well. */
export function answeringEach(analysis: CompletedAnalysis): CompletedAnalysis {
  const { kind, created_at } = analysis
  if (kind === 'document') return analysis
  const chunks = analysis.chunks.map((chunk) => {
    if (chunk.optimizations.length > 0) return chunk
    const { content_hash, metrics } = chunk
    const id = optimizationId(analysis, metrics.chunk_id, content_hash, 'info')
    // There is nothing to be done: it has been.
    const well: Optimization = {
      id,
      ...nothingToDo(metrics.chunk_id),
      created_at,
      status: 'applied',
    }
    return { ...chunk, optimizations: [well] }
  })
  return { ...analysis, chunks }
}

/**
 * Neither the options nor the profile are in it: whoever ignores a suggestion has decided about this
 * content, and does not want it back for a threshold moved or a formula mended. Documents that hold
 * the same chunk have a suggestion each.
 */
function optimizationId(
  { owner, kind, name }: Pick<AnalysisRequest, 'owner' | 'kind' | 'name'>,
  chunkId: string,
  contentHash: string,
  type: OptimizationType,
): string {
  const what = [owner, placeOf({ kind, name }), chunkId, contentHash, type]
  return uuidOf(hash('sha256', JSON.stringify(what)))
}

/** RFC 9562, version 8: a UUID that its maker has derived in a way of their own. */
function uuidOf(hex: string): string {
  const variant = '89ab'[Number.parseInt(hex.charAt(17), 16) & 3]
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
