/**
 * The embedded Postgres: loopback only, durable, small, run by an unprivileged user.
 *
 * Invariants:
 * 1. What it acknowledged is on disk: fsync, full pages and synchronous commit are on, whatever
 *    the defaults say; pages carry checksums.
 * 2. A data directory is whole or absent: a cluster is made beside it and then renamed.
 * 3. The server reaches its directory through an inherited descriptor, so root's closed home does
 *    not keep it out and nothing on the machine has to be opened up.
 * 4. It comes back on the port that it had.
 */
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Log } from '#runtime/log.ts'
import {
  complete,
  inheritedPath,
  type Command,
  type Program,
  type User,
  READ_SIDE_NICENESS,
} from '../program.ts'
import { outliveLeftBehind } from './left-behind.ts'
import { postgresBinaries } from './postgres-binaries.ts'
import { unprivilegedUser } from './unprivileged.ts'

const MAJOR = '18'
const USER = 'sluice'
const DATABASE = 'postgres'
const DEFAULT_MAX_CONNECTIONS = 100
const LOCALE = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin']

export interface PostgresOptions {
  readonly directory: string
  readonly port: number
  readonly password: string
  readonly maxConnections?: number
  readonly log: Log
}

export function postgresUrl({ port, password }: Pick<PostgresOptions, 'port' | 'password'>) {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`
}

export function postgresServer(options: PostgresOptions): Program {
  const { directory, log } = options
  return {
    name: 'postgres',
    // Fast shutdown: sessions are ended, everything is flushed, no recovery at the next start.
    stopSignal: 'SIGINT',
    async command() {
      const runAs = await unprivilegedUser()
      const { initdb, postgres } = await postgresBinaries(runAs)
      await createCluster({ ...options, initdb, runAs })
      await outliveLeftBehind(join(directory, 'postmaster.pid'), directory)
      return server({ file: postgres, inherit: [directory], runAs }, settings(options))
    },
    isReady: (line) => line.includes('database system is ready to accept connections'),
    onLine: (line) => logLine(line, log),
  }
}

function settings({ port, maxConnections = DEFAULT_MAX_CONNECTIONS }: PostgresOptions) {
  return {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: maxConnections,
    fsync: 'on',
    full_page_writes: 'on',
    synchronous_commit: 'on',
    shared_buffers: '128MB',
    max_wal_size: '1GB',
    wal_compression: 'on',
    jit: 'off',
    log_line_prefix: '',
    lc_messages: 'C',
  }
}

function server(
  who: Pick<Command, 'file' | 'inherit' | 'runAs'>,
  values: Record<string, string | number>,
): Command {
  const args = Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  // QUIT is immediate shutdown: without us nobody could tell it to stop in order.
  return {
    ...who,
    args: ['-D', inheritedPath(0), ...args],
    env: {},
    cwd: '/',
    deathSignal: 'QUIT',
    niceness: READ_SIDE_NICENESS,
  }
}

interface ClusterOptions extends Pick<PostgresOptions, 'directory' | 'password' | 'log'> {
  readonly initdb: string
  readonly runAs: User | undefined
}

async function createCluster({ directory, password, log, initdb, runAs }: ClusterOptions) {
  const startedAt = performance.now()
  const existing = await majorOf(directory)
  if (existing === MAJOR) return
  if (existing !== undefined) {
    throw new Error(
      `${directory} was made by Postgres ${existing}, this is ${MAJOR}: move it away or use ` +
        `DATABASE_URL with a server that has been upgraded`,
    )
  }
  const draft = `${directory}.new`
  const passwordFile = `${draft}.password`
  try {
    await rm(draft, { recursive: true, force: true })
    await mkdir(dirname(directory), { recursive: true, mode: 0o700 })
    await mkdir(draft, { mode: 0o700 })
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 })
    if (runAs !== undefined) {
      await chown(draft, runAs.uid, runAs.gid)
      await chown(passwordFile, runAs.uid, runAs.gid)
    }
    await complete('initdb', {
      file: initdb,
      args: [
        `--pgdata=${inheritedPath(0)}`,
        `--pwfile=${inheritedPath(1)}`,
        `--username=${USER}`,
        '--auth=scram-sha-256',
        '--data-checksums',
        '--builtin-locale=C.UTF-8',
        ...LOCALE,
      ],
      env: { TZ: 'UTC' },
      cwd: '/',
      inherit: [draft, passwordFile],
      runAs,
      deathSignal: 'KILL',
    })
    await rename(draft, directory)
    log.info('database_created', { durationMs: Math.round(performance.now() - startedAt) })
  } finally {
    await rm(passwordFile, { force: true })
  }
}

async function majorOf(directory: string): Promise<string | undefined> {
  try {
    return (await readFile(join(directory, 'PG_VERSION'), 'utf8')).trim()
  } catch {
    return undefined
  }
}

/** `LEVEL:  text`; continuation lines start with a tab. */
const LOG_LINE = /^(?<level>[A-Z]+):\s+(?<text>.*)$/

function logLine(line: string, log: Log): void {
  const { level, text } = LOG_LINE.exec(line)?.groups ?? {}
  const fields = { text: text ?? line }
  if (level === 'FATAL' || level === 'PANIC') log.error('server_log', fields)
  else if (level === 'ERROR' || level === 'WARNING') log.warn('server_log', fields)
  else log.debug('server_log', fields)
}
