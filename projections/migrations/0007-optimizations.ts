/** What analyses suggest, and what was decided of it. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table optimizations (
      id text primary key,
      owner text not null,
      chunk_id text not null,
      content_hash text not null,
      kind text not null,
      name text not null,
      type text not null,
      priority text not null,
      overall_score double precision not null,
      finding json not null,
      created_at timestamptz not null
    )`.execute(db)
  await sql`
    create index optimizations_owner on optimizations (owner, created_at desc, id)`.execute(db)
  await sql`create index optimizations_chunk on optimizations (owner, chunk_id)`.execute(db)

  await sql`
    create table settlements (
      optimization_id text primary key,
      owner text not null,
      status text not null,
      settled_at timestamptz not null
    )`.execute(db)
}
