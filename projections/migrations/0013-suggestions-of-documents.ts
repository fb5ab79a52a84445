/** What is suggested for a document is read, and replaced, as a whole. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create index optimizations_named on optimizations (owner, name)`.execute(db)
}
