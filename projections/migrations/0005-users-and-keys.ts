/** Users and API keys, without what proves a password or a key: that stays on the log. */
import { sql, type Kysely } from 'kysely'

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table users (
      username text primary key,
      owner text not null,
      scopes json not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`.execute(db)

  await sql`
    create table api_keys (
      id text primary key,
      owner text not null,
      username text not null,
      name text not null,
      scopes json not null,
      last_four text not null,
      created_at timestamptz not null,
      expires_at timestamptz,
      revoked_at timestamptz,
      last_used_at timestamptz
    )`.execute(db)
  await sql`create index api_keys_owner on api_keys (owner, created_at desc, id)`.execute(db)
}
