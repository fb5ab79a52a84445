/** When a job may run at the earliest, and the tick that made it; the unfinished ones by that time. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table jobs
      add column run_at timestamptz,
      add column scheduled_for timestamptz`.execute(db)
  await sql`drop index jobs_unfinished`.execute(db)
  await sql`
    create index jobs_unfinished on jobs (coalesce(run_at, accepted_at), id)
    where status in ('pending', 'running')`.execute(db)
}
