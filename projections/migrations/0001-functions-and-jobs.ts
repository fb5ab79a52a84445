/**
 * Functions, their versions, jobs, daily counters, and how far the log has been applied.
 *
 * Whatever users supply is `json`, never `jsonb` or `text`: those cannot hold U+0000 or a lone
 * surrogate, and one such value would stop everybody's batch. What is `text` here is proven clean
 * when a message is read (`recorded.ts`).
 */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table checkpoint (
      id boolean primary key default true check (id),
      events_seq bigint not null,
      events_created timestamptz not null,
      commands_seq bigint not null,
      commands_created timestamptz not null
    ) with (fillfactor = 10)`.execute(db)

  await sql`
    create table functions (
      id bigint primary key,
      owner text not null,
      name text not null,
      version integer not null,
      definition json not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      deleted_at timestamptz
    )`.execute(db)
  await sql`create index functions_owner on functions (owner, id) where deleted_at is null`.execute(
    db,
  )

  await sql`
    create table function_versions (
      function_id bigint not null,
      version integer not null,
      owner text not null,
      timeout_ms integer not null,
      definition json not null,
      created_at timestamptz not null,
      primary key (function_id, version)
    )`.execute(db)

  await sql`
    create table jobs (
      id bigint primary key,
      function_id bigint not null,
      function_version integer not null,
      owner text not null,
      runtime text not null,
      status text not null check (status in ('pending', 'running', 'success', 'failed')),
      attempt integer not null,
      accepted_at timestamptz not null,
      started_at timestamptz,
      finished_at timestamptz,
      duration_ms double precision,
      cpu_ms double precision,
      memory_bytes bigint,
      counted_on date,
      logs_truncated boolean not null,
      input json not null,
      result json,
      error json,
      logs json not null
    )`.execute(db)
  // A page is read off the index, newest first, whatever the table has grown to.
  await sql`create index jobs_page on jobs (function_id, accepted_at desc, id desc)`.execute(db)
  await sql`
    create index jobs_page_by_status
    on jobs (function_id, status, accepted_at desc, id desc)`.execute(db)
  await sql`
    create index jobs_unfinished on jobs (accepted_at, id)
    where status in ('pending', 'running')`.execute(db)

  await sql`
    create table function_metrics (
      function_id bigint not null,
      day date not null,
      owner text not null,
      successful bigint not null,
      failed bigint not null,
      timed bigint not null,
      duration_us bigint not null,
      cpu_us bigint not null,
      memory_bytes bigint not null,
      primary key (function_id, day)
    ) with (fillfactor = 50)`.execute(db)
}
