/** The job whose work a redriven one does again. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table jobs add column redriven_from bigint`.execute(db)
}
