/** An analysis as it is recorded: what the domain found, with ids that stay. */
import { hash } from 'node:crypto'
import { analyse, type Corpus } from '#domain/chunks/analysis.ts'
import { fingerprintOf } from '#domain/chunks/fingerprint.ts'
import { optionsInForce, PROFILE_VERSION } from '#domain/chunks/options.ts'
import { reportOf } from '#domain/chunks/report.ts'
import type {
  CompletedAnalysis,
  Optimization,
  RunAnalysis,
  SettledStatus,
} from '#events/analyses.ts'
import { optimizationId } from '#events/optimization-id.ts'
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

/**
 * As far as somebody has decided about it: what was ignored is not suggested while the content stays,
 * and what was applied comes behind what is still to be done.
 */
export function settled(
  analysis: CompletedAnalysis,
  decided: ReadonlyMap<string, SettledStatus>,
): CompletedAnalysis {
  if (decided.size === 0) return analysis
  const chunks = analysis.chunks.map((chunk) => ({
    ...chunk,
    optimizations: chunk.optimizations
      .filter(({ id }) => decided.get(id) !== 'ignored')
      .map((one) => ({ ...one, status: decided.get(one.id) ?? one.status }))
      .sort((a, b) => Number(a.status === 'applied') - Number(b.status === 'applied')),
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
