/** Whether the newest analysis still suggests it, and all scores of its chunk. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table optimizations
      add column lapsed boolean not null default false, add column metrics json`.execute(db)
}
