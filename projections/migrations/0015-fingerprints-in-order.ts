/**
 * A fingerprint has its tokens in the order of the text, from which rows of them follow, and fewer
 * keys. Chunks of before would be found by none of these, so they are in the corpus again when they
 * are next analysed.
 */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`truncate chunk_index`.execute(db)
  await sql`alter table chunk_index drop column grams`.execute(db)
}
