/** What cancelling, retries and the age in a queue need to be seen: by clients and by the sweeper. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table jobs
      add column cancelled boolean not null default false,
      add column retry_at timestamptz`.execute(db)
  await sql`
    alter table function_metrics
      add column cancelled bigint not null default 0`.execute(db)
  await sql`
    alter table function_versions
      add column max_queue_age integer`.execute(db)
}
