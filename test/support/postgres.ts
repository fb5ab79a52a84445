/**
 * Databases for tests, on a real Postgres.
 *
 * `npm test` starts one server for the whole run and names it in SLUICE_TEST_DATABASE_URL. A file
 * that is run alone starts its own with its first database and stops it with its last.
 */
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { freePort } from '../../apps/local/free-port.ts'
import { postgresServer, postgresUrl } from '../../apps/local/services/postgres.ts'
import { clusterIn, copyCluster } from './cluster.ts'
import { quietLog } from './quiet-log.ts'
import { TestServer } from './server.ts'
import { tempDir } from './temp-dir.ts'

/** Several files at once, each with pools of its own. */
const MAX_CONNECTIONS = 300
export const SHARED_SERVER = 'SLUICE_TEST_DATABASE_URL'

export interface TestPostgres extends AsyncDisposable {
  readonly url: string
  readonly pid: number | undefined
  /** `kill -9`; returns when it is gone. */
  kill(): Promise<void>
  /** On the same port and data; returns when it serves. */
  restart(): Promise<void>
}

export interface TestDatabase extends AsyncDisposable {
  readonly url: string
}

/** A server of the test's own, to be killed and restarted. Most tests want `createDatabase`. */
export async function startPostgres(cluster?: string): Promise<TestPostgres> {
  await using starting = new AsyncDisposableStack()
  const home = starting.use(await tempDir('postgres')).path
  await copyCluster(home, cluster)
  const { directory, password } = await clusterIn(home)
  const port = await freePort()
  const program = postgresServer({
    directory,
    port,
    password,
    maxConnections: MAX_CONNECTIONS,
    log: quietLog('postgres'),
  })
  const server = starting.use(await TestServer.start(program))
  const owned = starting.move()
  return {
    url: postgresUrl({ port, password }),
    get pid() {
      return server.pid
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** An empty database, dropped with its scope. */
export async function createDatabase(): Promise<TestDatabase> {
  await using creating = new AsyncDisposableStack()
  const server = creating.use(await sharedServer())
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`
  await execute(server.url, `create database ${name}`)
  creating.defer(() => execute(server.url, `drop database ${name} with (force)`))
  const url = new URL(server.url)
  url.pathname = `/${name}`
  const owned = creating.move()
  return { url: url.href, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

let lone: Promise<TestPostgres> | undefined
let users = 0

async function sharedServer(): Promise<TestDatabase> {
  const url = process.env[SHARED_SERVER]
  if (url !== undefined) return { url, [Symbol.asyncDispose]: () => Promise.resolve() }
  users++
  const server = (lone ??= startPostgres())
  return {
    url: (await server).url,
    async [Symbol.asyncDispose]() {
      if (--users > 0) return
      lone = undefined
      await (await server)[Symbol.asyncDispose]()
    },
  }
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
