/** The chunk API, part 4: the report of a document, read again, for programs and for people. */
import { markdownOf } from '#domain/chunks/report-markdown.ts'
import { excerpt, Problem } from '#domain/problem.ts'
import { findDocumentReport } from '#projections/document-reports.ts'
import type { Answer, Exchange, Router } from '../../http/exchange.ts'
import { requireKnown } from '../../http/query.ts'
import type { Queries } from '../../queries.ts'
import { staleness } from '../functions/functions.ts'
import type { DocumentReport } from './answers.ts'
import { clean } from './listing.ts'

const MARKDOWN = 'text/markdown'

export const wantsMarkdown = ({ header }: Exchange) => header('accept')?.includes(MARKDOWN) === true

export const inMarkdown = (body: string, headers: Answer['headers'] = {}): Answer => ({
  ...{ status: 200, body },
  headers: { ...headers, 'content-type': `${MARKDOWN}; charset=utf-8` },
})

export function reportRoute(router: Router, { queries }: { readonly queries: Queries }): void {
  router.on('GET /api/v1/documents/:document_id/report', async (exchange) => {
    requireKnown(exchange, [])
    const { owner } = exchange.principal
    const id = clean(exchange.param('document_id'))
    const { value, fresh } = await queries.require(
      (db) => findDocumentReport(db, owner, id),
      () => notAnalysed(id),
    )
    const { document_id, analysis_id, created_at, options, profile_version, report } = value
    const headers = staleness(fresh)
    if (wantsMarkdown(exchange)) return inMarkdown(markdownOf(document_id, report), headers)
    const body: DocumentReport = {
      document_id,
      analysis_id,
      created_at,
      options,
      profile_version,
      report,
    }
    return { status: 200, body: JSON.stringify(body), headers }
  })
}

function notAnalysed(id: string): Problem {
  const details = { field: 'document_id', constraint: 'exists' }
  return new Problem('NOT_FOUND', `No document ${excerpt(id)} has been analysed`, details)
}
