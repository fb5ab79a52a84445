/**
 * Brings a database to the newest migration.
 *
 * Invariants:
 * 1. Any number of starters may call it at once: they queue behind one advisory lock.
 * 2. A migration runs whole or not at all.
 */
import { sql } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'
import type { Db } from './database.ts'
import * as functionsAndJobs from './migrations/0001-functions-and-jobs.ts'
import * as jobControls from './migrations/0002-job-controls.ts'
import * as jobsForLater from './migrations/0003-jobs-for-later.ts'
import * as sessions from './migrations/0004-sessions.ts'
import * as usersAndKeys from './migrations/0005-users-and-keys.ts'
import * as redrivenJobs from './migrations/0006-redriven-jobs.ts'
import * as optimizations from './migrations/0007-optimizations.ts'
import * as sessionTimeouts from './migrations/0008-session-timeouts.ts'
import * as searchedOptimizations from './migrations/0010-searched-optimizations.ts'
import * as documentReports from './migrations/0011-document-reports.ts'
import * as chunkIndex from './migrations/0012-chunk-index.ts'
import * as suggestionsOfDocuments from './migrations/0013-suggestions-of-documents.ts'
import * as lapsedSuggestions from './migrations/0014-lapsed-suggestions.ts'
import * as fingerprintsInOrder from './migrations/0015-fingerprints-in-order.ts'

/** In order; a name that has run somewhere is never changed. */
const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-functions-and-jobs': functionsAndJobs,
  '0002-job-controls': jobControls,
  '0003-jobs-for-later': jobsForLater,
  '0004-sessions': sessions,
  '0005-users-and-keys': usersAndKeys,
  '0006-redriven-jobs': redrivenJobs,
  '0007-optimizations': optimizations,
  '0008-session-timeouts': sessionTimeouts,
  '0010-searched-optimizations': searchedOptimizations,
  '0011-document-reports': documentReports,
  '0012-chunk-index': chunkIndex,
  '0013-suggestions-of-documents': suggestionsOfDocuments,
  '0014-lapsed-suggestions': lapsedSuggestions,
  '0015-fingerprints-in-order': fingerprintsInOrder,
}

export class MigrationError extends Error {
  readonly code = 'MIGRATION_FAILED'
  constructor(name: string | undefined, cause: unknown) {
    super(`migration ${name ?? '(none)'} failed: ${String(cause)}`, { cause })
    this.name = 'MigrationError'
  }
}

/** Returns the names of the migrations that this call ran. */
export async function migrate(db: Db, schema?: string): Promise<readonly string[]> {
  return db.connection().execute(async (connection) => {
    // Kysely locks too, but only after it has made its own tables, where two starters can collide.
    await sql`select pg_advisory_lock(hashtext('sluice migrations'))`.execute(connection)
    try {
      return await run(connection, schema)
    } finally {
      await sql`select pg_advisory_unlock(hashtext('sluice migrations'))`.execute(connection)
    }
  })
}

async function run(db: Db, schema: string | undefined): Promise<readonly string[]> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) },
    ...(schema !== undefined && { migrationTableSchema: schema }),
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) {
    const failed = results.find(({ status }) => status === 'Error')
    throw new MigrationError(failed?.migrationName, error)
  }
  return results.map(({ migrationName }) => migrationName)
}
