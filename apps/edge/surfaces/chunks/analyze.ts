/**
 * The chunk API, part 1: a chunk, a document or a batch, analysed.
 * Source: sections 2 to 4 of its document.
 */
import { markdownOf } from '#domain/chunks/report.ts'
import type { Analyses } from '../../chunks/analyses.ts'
import { readJson } from '../../http/body.ts'
import type { Answer, Exchange, Router } from '../../http/exchange.ts'

const MARKDOWN = 'text/markdown'

export interface AnalyzeRoutesOptions {
  readonly analyses: Analyses
  readonly maxBodyBytes: number
}

export function analyzeRoutes(
  router: Router,
  { analyses, maxBodyBytes }: AnalyzeRoutesOptions,
): void {
  const bodyOf = ({ incoming }: Exchange) => readJson(incoming, maxBodyBytes)

  router.on('POST /api/v1/chunks/analyze', async (exchange) =>
    answered(await analyses.chunk(await bodyOf(exchange), exchange)),
  )

  router.on('POST /api/v1/documents/analyze', async (exchange) => {
    const analysis = await analyses.document(await bodyOf(exchange), exchange)
    if (!wantsMarkdown(exchange)) return answered(analysis)
    const headers = { 'content-type': `${MARKDOWN}; charset=utf-8` }
    return { status: 200, body: markdownOf(analysis.document_id, analysis.report), headers }
  })

  router.on('POST /api/v1/batch/analyze', async (exchange) =>
    answered(await analyses.batch(await bodyOf(exchange), exchange)),
  )
}

const answered = (body: unknown): Answer => ({ status: 200, body: JSON.stringify(body) })

const wantsMarkdown = ({ header }: Exchange) => header('accept')?.includes(MARKDOWN) === true
