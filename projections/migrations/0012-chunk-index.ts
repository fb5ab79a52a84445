/**
 * The fingerprints of analysed chunks, and the keys by which those that are alike are found.
 *
 * Sorting its keys into the index is most of what a chunk costs. So that a large document does not
 * hold up all other read models, they are only noted down and sorted in later (`sortInChunks`).
 */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table chunk_index (
      owner text not null,
      document_id text not null,
      chunk_id text not null,
      analysis_id text not null,
      tokens bytea not null,
      grams bytea not null,
      keys integer[] not null,
      created_at timestamptz not null,
      primary key (owner, document_id, chunk_id, analysis_id)
    )`.execute(db)
  // In KiB, about 10,000 chunks: a search reads through what is not sorted in yet.
  await sql`
    create index chunk_index_keys on chunk_index using gin (keys)
    with (gin_pending_list_limit = 16384)`.execute(db)
}
