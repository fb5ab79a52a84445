/** Full text over what analyses suggest. */
import { sql, type Kysely } from 'kysely'
import { searchedText } from '../optimizations.ts'

const PAGE = 2_000

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table optimizations add column words tsvector`.execute(db)
  for (let last = ''; ;) {
    const { rows } = await sql<{ id: string; chunk_id: string; finding: never }>`
      select id, chunk_id, finding from optimizations where id > ${last} order by id limit ${PAGE}
    `.execute(db)
    if (rows.length === 0) break
    await sql`
      update optimizations o set words = to_tsvector('simple', r.words)
      from unnest(${rows.map(({ id }) => id)}::text[], ${rows.map(searchedText)}::text[]) r(id, words)
      where o.id = r.id`.execute(db)
    last = rows.at(-1)?.id ?? ''
  }
  await sql`alter table optimizations alter column words set not null`.execute(db)
  await sql`create index optimizations_words on optimizations using gin (words)`.execute(db)
}
