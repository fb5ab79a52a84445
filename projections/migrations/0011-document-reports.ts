/** The newest report of each document. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table document_reports (
      owner text not null,
      document_id text not null,
      analysis_id text not null,
      profile_version text not null,
      options json not null,
      report json not null,
      created_at timestamptz not null,
      primary key (owner, document_id)
    )`.execute(db)
}
