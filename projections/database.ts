/**
 * The read side's Postgres: a pool with typed queries, and the values as the house speaks them
 * (ids are numbers, times are ISO 8601 in UTC, days are `YYYY-MM-DD`).
 *
 * Invariants:
 * 1. No query waits for ever: the server ends it after its time, and the client gives up on a
 *    server that does not answer at all.
 * 2. Losing an idle connection is no event of the process: the pool opens another when asked.
 */
import { Kysely, PostgresDialect } from 'kysely'
import { Client, Pool, types, type ClientConfig, type CustomTypesConfig } from 'pg'
import type { ApiKeyTable } from './api-keys.ts'
import type { CheckpointTable } from './checkpoint.ts'
import type { ChunkIndexTable } from './chunk-index.ts'
import type { DocumentReportTable } from './document-reports.ts'
import type { FunctionMetricsTable } from './function-metrics.ts'
import type { FunctionVersionTable } from './function-versions.ts'
import type { FunctionTable } from './functions.ts'
import type { JobTable } from './jobs.ts'
import type { OptimizationTable } from './optimizations.ts'
import type { SessionExecutionsTable } from './session-executions.ts'
import type { SessionTable } from './sessions.ts'
import type { SettlementTable } from './settlements.ts'
import type { UserTable } from './users.ts'

const CONNECT_TIMEOUT_MS = 3_000
const STATEMENT_TIMEOUT_MS = 5_000
/** Longer than the server's own, so that its error is the one that is seen. */
const ANSWER_TIMEOUT_MS = 6_000
const POOL_SIZE = 8
const IDLE_TIMEOUT_MS = 30_000

export interface Schema {
  checkpoint: CheckpointTable
  functions: FunctionTable
  function_versions: FunctionVersionTable
  jobs: JobTable
  function_metrics: FunctionMetricsTable
  sessions: SessionTable
  session_executions: SessionExecutionsTable
  users: UserTable
  api_keys: ApiKeyTable
  optimizations: OptimizationTable
  settlements: SettlementTable
  document_reports: DocumentReportTable
  chunk_index: ChunkIndexTable
}

export type Db = Kysely<Schema>

export interface Database extends AsyncDisposable {
  readonly db: Db
}

export interface DatabaseOptions {
  readonly url: string
  /** Shown in the server's own lists of connections. */
  readonly name: string
  readonly poolSize?: number
  /** Bound of one statement; migrations and rebuilds take longer than queries. */
  readonly statementTimeoutMs?: number
  /** Where unqualified names are looked up; `public` unless a rebuild works beside it. */
  readonly schema?: string
}

export function openDatabase(options: DatabaseOptions): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS
  const pool = new Pool({
    ...clientConfig(options),
    max: options.poolSize ?? POOL_SIZE,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + (ANSWER_TIMEOUT_MS - STATEMENT_TIMEOUT_MS),
  })
  // Whoever asks next gets a new connection, or its error; there is nobody to tell now.
  pool.on('error', () => undefined)
  // The pool listens to idle clients only; one that is lent out may break between two queries.
  pool.on('connect', (client) => client.on('error', () => undefined))
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) })
  let ended: Promise<void> | undefined
  return {
    db,
    [Symbol.asyncDispose]: () => (ended ??= pool.end()),
  }
}

/** One connection of its own, outside every pool; the caller connects and ends it. */
export function newClient(options: DatabaseOptions): Client {
  return new Client(clientConfig(options))
}

function clientConfig({ url, name, schema }: DatabaseOptions): ClientConfig {
  return {
    connectionString: url,
    application_name: `sluice-${name}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    types: wireTypes,
    ...(schema !== undefined && { options: `-c search_path=${schema}` }),
  }
}

const INT8 = 20
const NUMERIC = 1700
const TIMESTAMPTZ = 1184
const DATE = 1082

type Parse = (text: string) => unknown

const asDate = types.getTypeParser(TIMESTAMPTZ) as (text: string) => Date

const parsers = new Map<number, Parse>([
  // Ids and counters stay below 2^53; a string would surprise everybody.
  [INT8, Number],
  [NUMERIC, Number],
  [TIMESTAMPTZ, (text) => asDate(text).toISOString()],
  [DATE, (text) => text],
])

const wireTypes: CustomTypesConfig = {
  getTypeParser: (oid: number): Parse => parsers.get(oid) ?? (types.getTypeParser(oid) as Parse),
}
