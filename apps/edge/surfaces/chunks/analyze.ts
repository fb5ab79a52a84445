/**
 * The chunk API, part 1: a chunk, a document or a batch, analysed.
 * Source: sections 2 to 4 of its document.
 */
import { markdownOf } from '#domain/chunks/report-markdown.ts'
import type { Analyses } from '../../chunks/analyses.ts'
import { readJson } from '../../http/body.ts'
import type { Answer, Router } from '../../http/exchange.ts'
import type { BatchAnalysis, ChunkAnalysis, DocumentAnalysis } from './answers.ts'
import { inMarkdown, wantsMarkdown } from './report.ts'

export function analyzeRoutes(router: Router, { analyses }: { readonly analyses: Analyses }): void {
  router.on('POST /api/v1/chunks/analyze', async (exchange) =>
    answered<ChunkAnalysis>(await analyses.chunk(await readJson(exchange), exchange)),
  )

  router.on('POST /api/v1/documents/analyze', async (exchange) => {
    const analysis = await analyses.document(await readJson(exchange), exchange)
    if (!wantsMarkdown(exchange)) return answered<DocumentAnalysis>(analysis)
    return inMarkdown(markdownOf(analysis.document_id, analysis.report))
  })

  router.on('POST /api/v1/batch/analyze', async (exchange) =>
    answered<BatchAnalysis>(await analyses.batch(await readJson(exchange), exchange)),
  )
}

function answered<Body>(body: Body): Answer {
  return { status: 200, body: JSON.stringify(body) }
}
