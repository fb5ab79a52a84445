/**
 * Read model: the newest report of each document, so that it can be read again.
 *
 * Applies `analysis.completed` of documents. The newest on the log counts, whatever its options.
 */
import type { AnalysisCompleted } from '#events/analyses.ts'
import type { AnalysisOptions } from '#events/chunks.ts'
import type { DocumentReport } from '#events/document-report.ts'
import { MOVED } from './checkpoint.ts'
import type { Db } from './database.ts'
import { column, type Part } from './statement.ts'

export interface DocumentReportTable {
  owner: string
  document_id: string
  analysis_id: string
  profile_version: string
  /** As they were in force. */
  options: AnalysisOptions
  report: DocumentReport
  created_at: string
}

export type DocumentReportRow = Readonly<DocumentReportTable>

export type DocumentReportChanges = Map<string, DocumentReportTable>

export function applyToDocumentReports(
  changes: DocumentReportChanges,
  { data }: AnalysisCompleted,
): void {
  const { owner, kind, name: document_id, analysis_id, options, created_at } = data
  const { profile_version, report } = data
  // Analyses of before have none.
  if (kind !== 'document' || report === undefined) return
  changes.set(`${owner}\n${document_id}`, {
    ...{ owner, document_id, analysis_id, profile_version, options, report, created_at },
  })
}

export function upsertDocumentReports(changes: DocumentReportChanges): Part {
  const rows = [...changes.values()]
  return {
    name: 'reported',
    values: [
      column(rows.map((row) => row.owner)),
      column(rows.map((row) => row.document_id)),
      column(rows.map((row) => row.analysis_id)),
      column(rows.map((row) => row.profile_version)),
      column(rows.map((row) => JSON.stringify(row.options))),
      column(rows.map((row) => JSON.stringify(row.report))),
      column(rows.map((row) => row.created_at)),
    ],
    sql: ($) => `
      insert into document_reports
        (owner, document_id, analysis_id, profile_version, options, report, created_at)
      select r.* from ${MOVED}, unnest(
        ${$(1)}::text[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::text[], ${$(5)}::json[],
        ${$(6)}::json[], ${$(7)}::timestamptz[]) r
      on conflict (owner, document_id) do update set
        analysis_id = excluded.analysis_id, profile_version = excluded.profile_version,
        options = excluded.options, report = excluded.report, created_at = excluded.created_at`,
  }
}

export function findDocumentReport(
  db: Db,
  owner: string,
  documentId: string,
): Promise<DocumentReportRow | undefined> {
  return db
    .selectFrom('document_reports')
    .selectAll()
    .where('owner', '=', owner)
    .where('document_id', '=', documentId)
    .executeTakeFirst()
}
