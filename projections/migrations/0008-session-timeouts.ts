/** How long an execution of a session may take; null: the session is older than this column. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table sessions add column timeout_ms integer`.execute(db)
}
