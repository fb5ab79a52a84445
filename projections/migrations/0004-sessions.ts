/** Sessions, what they were executed, and which jobs those executions were. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table sessions (
      id text primary key,
      owner text not null,
      function_id bigint not null,
      function_version integer not null,
      language_title text not null,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      closed_at timestamptz,
      close_reason text
    )`.execute(db)

  await sql`
    create table session_executions (
      session_id text primary key,
      execution_count bigint not null,
      last_executed_at timestamptz not null
    ) with (fillfactor = 50)`.execute(db)

  await sql`
    alter table jobs
      add column session_id text,
      add column cached_from bigint`.execute(db)
}
