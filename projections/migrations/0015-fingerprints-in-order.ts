/**
 * A fingerprint has its tokens in the order of the text, from which rows of them follow, and fewer
 * keys; a chunk is one row, whichever analysis wrote it. Chunks of before would be found by none of
 * these keys, so they are in the corpus again when they are next analysed.
 */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`truncate chunk_index`.execute(db)
  await sql`
    alter table chunk_index
      drop constraint chunk_index_pkey,
      drop column grams, drop column analysis_id, drop column created_at,
      add column analysed_on date not null,
      add primary key (owner, document_id, chunk_id)`.execute(db)
}
