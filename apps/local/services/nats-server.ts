/**
 * The embedded nats-server: loopback only, every message fsynced, bounded by the volume.
 *
 * Invariants:
 * 1. `sync_interval: always`: with the default, a power cut loses all that was acknowledged.
 * 2. `max_file_store` stays below the volume: a full disk stops a stream for good, a full store
 *    answers with an error and heals. If the volume has shrunk below what the streams have set
 *    aside, it is that much until they have been made smaller: else no bound could be changed.
 * 3. It comes back on the port that it had, so that its clients find it again.
 */
import { mkdir, readdir, readFile, stat, statfs, writeFile } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { CALLS_BYTES } from '#events/streams.ts'
import type { Log } from '#runtime/log.ts'
import type { Program } from '../program.ts'
import { outliveLeftBehind } from './left-behind.ts'

const VOLUME_SHARE = 0.8
const MEMORY_SHARE = 0.25
/** A stream in memory reserves its bound at once: a smaller machine must be able to promise it too. */
const LEAST_MEMORY_STORE = 2 * CALLS_BYTES
/** Of the volume, for EVENTS: with all that stands beside it (`reservedBytes`), less than half. */
const EVENTS_SHARE = 0.25
const EVENTS_MAX = 64 * 1024 ** 3
const EVENTS_MIN = 16 * 1024 ** 2
/** So that a little more or less free space is not another bound at each start. */
const EVENTS_STEP = 256 * 1024 ** 2

export interface NatsOptions {
  /** The executable, 2.12 or newer. */
  readonly binary: string
  readonly directory: string
  readonly port: number
  /** Without one the server is open to every process of this machine: for tests. */
  readonly password?: string | undefined
  readonly log: Log
}

const USER = 'sluice'
/** Where the server keeps the streams of its only account. */
const ACCOUNT = '$G'

export function natsUrl({ port, password }: Pick<NatsOptions, 'port' | 'password'>): string {
  const credentials = password === undefined ? '' : `${USER}:${password}@`
  return `nats://${credentials}127.0.0.1:${port}`
}

export function natsServer(options: NatsOptions): Program {
  const { binary, directory, log } = options
  const store = join(directory, 'store')
  const configFile = join(directory, 'nats-server.conf')
  const pidFile = join(directory, 'nats-server.pid')
  return {
    name: 'nats-server',
    stopSignal: 'SIGTERM',
    async command() {
      await mkdir(store, { recursive: true, mode: 0o700 })
      await outliveLeftBehind(pidFile, directory)
      const maxFileStore = await fileStoreFor(store)
      const config = natsConfig({ ...options, store, pidFile, maxFileStore })
      await writeFile(configFile, config, { mode: 0o600 })
      return {
        file: binary,
        args: ['--config', configFile],
        env: {},
        cwd: directory,
        deathSignal: 'KILL',
      }
    },
    isReady: (line) => line.includes('Server is ready'),
    onLine: (line) => logLine(line, log),
  }
}

/** The bound of EVENTS that suits the volume on which `directory` lies. */
export async function eventsBoundFor(directory: string): Promise<number> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  return eventsBound(await volumeFor(directory))
}

export function eventsBound(volumeBytes: number): number {
  const share = Math.floor(Math.min(EVENTS_MAX, EVENTS_SHARE * volumeBytes))
  const stepped = share < EVENTS_STEP ? share : share - (share % EVENTS_STEP)
  return Math.max(EVENTS_MIN, stepped)
}

interface ConfigValues extends Pick<NatsOptions, 'port' | 'password'> {
  readonly store: string
  readonly pidFile: string
  readonly maxFileStore: number
}

export function natsConfig({ port, password, store, pidFile, maxFileStore }: ConfigValues): string {
  const maxMemoryStore = Math.max(LEAST_MEMORY_STORE, Math.floor(MEMORY_SHARE * totalmem()))
  const authorization = password === undefined ? [] : [`authorization { ${credentials(password)} }`]
  return [
    'server_name: "sluice"',
    'host: "127.0.0.1"',
    `port: ${port}`,
    `pid_file: ${JSON.stringify(pidFile)}`,
    ...authorization,
    'jetstream {',
    `  store_dir: ${JSON.stringify(store)}`,
    '  sync_interval: always',
    `  max_file_store: ${maxFileStore}`,
    `  max_memory_store: ${maxMemoryStore}`,
    '}',
    '',
  ].join('\n')
}

function credentials(password: string): string {
  return `user: ${JSON.stringify(USER)}, password: ${JSON.stringify(password)}`
}

/** What the server may store: a share of the volume, and no less than it has promised already. */
export async function fileStoreFor(store: string): Promise<number> {
  const share = Math.floor(VOLUME_SHARE * (await volumeFor(store)))
  return Math.max(share, await reservedIn(store))
}

async function reservedIn(store: string): Promise<number> {
  const streams = join(store, 'jetstream', ACCOUNT, 'streams')
  const names = await readdir(streams).catch(() => [])
  const bounds = names.map(async (name) => {
    try {
      const meta = JSON.parse(await readFile(join(streams, name, 'meta.inf'), 'utf8')) as Meta
      return Math.max(0, meta.max_bytes ?? 0)
    } catch {
      // Half made when the server was killed: the server leaves it out too.
      return 0
    }
  })
  return (await Promise.all(bounds)).reduce((sum, bound) => sum + bound, 0)
}

interface Meta {
  readonly max_bytes?: number
}

/** Bytes that the store has or could still get. */
async function volumeFor(store: string): Promise<number> {
  const { bavail, bsize } = await statfs(store)
  return bavail * bsize + (await sizeOf(store))
}

async function sizeOf(directory: string): Promise<number> {
  let size = 0
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    size += (await stat(join(entry.parentPath, entry.name))).size
  }
  return size
}

/** `[pid] 2026/01/02 03:04:05.678901 [LVL] text` */
const LOG_LINE = /^\[\d+\] \S+ \S+ \[(?<level>\w+)\] (?<text>.*)$/

/** Hashing would slow each connection down and hide nothing: the secret is random, its file ours. */
const EXPECTED = 'Plaintext passwords detected'

function logLine(line: string, log: Log): void {
  const { level, text } = LOG_LINE.exec(line)?.groups ?? {}
  const fields = { text: text ?? line }
  if (level === 'ERR' || level === 'FTL') log.error('server_log', fields)
  else if (level === 'WRN' && !fields.text.includes(EXPECTED)) log.warn('server_log', fields)
  else log.debug('server_log', fields)
}
