/**
 * Everything in one go: the embedded services, then all processes, each kept running.
 *
 * Invariants:
 * 1. Whatever takes time runs side by side: a database is made while servers are downloaded.
 * 2. What is given is not embedded: with NATS_URL or DATABASE_URL no such server is started.
 * 3. Stopping goes against the flow of a request: the edge first, so that what it accepted finds
 *    the others still there; then the other processes; then the servers. Whoever is quicker leaves
 *    the rest of the time to those behind, so that an executor can finish its runs or hand them
 *    back. All of it within 9.3 s.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '#runtime/log.ts'
import { allOf } from './all-of.ts'
import { ourApps, readyUrl, type AppOptions } from './app.ts'
import { ownCredentials, type Credentials } from './credentials.ts'
import { freePort, isFree } from './free-port.ts'
import { keptNatsPort, tellNatsUrl } from './nats-address.ts'
import { provisionBubblewrap } from './provision/bubblewrap.ts'
import type { Env } from './provision/ladder.ts'
import { provisionNatsServer } from './provision/nats-server.ts'
import { provisionPython } from './provision/python.ts'
import { provisionRust } from './provision/rust.ts'
import type { Program } from './program.ts'
import { keptSecret } from './secret.ts'
import { eventsBoundFor, natsServer, natsUrl } from './services/nats-server.ts'
import { postgresServer, postgresUrl } from './services/postgres.ts'
import { Supervised } from './supervised.ts'

/** Later the others are told to stop too, whether or not the edge is gone. */
const EDGE_DRAIN_MS = 2_500
/** For all processes together. The least that is left for an executor is more than it takes. */
const APPS_STOP_MS = 7_800
const SERVERS_STOP_MS = 1_500

export interface PlatformOptions {
  readonly home: string
  readonly host: string
  /** 0 picks a free one, the same over all restarts of the edge. */
  readonly port: number
  /** Like `port`; undefined: no gRPC. */
  readonly grpcPort: number | undefined
  readonly natsUrl?: string | undefined
  readonly databaseUrl?: string | undefined
  /** What the processes see, beside what is decided here. */
  readonly env: Env
  readonly log: Log
  readonly forward: (line: string) => void
  /** What runs on the servers, the edge first; our own processes unless a test has others. */
  readonly programs?: (options: AppOptions) => readonly Program[]
}

export interface Platform {
  readonly url: string
  /** Host and port of gRPC. */
  readonly grpc: string | undefined
  readonly natsUrl: string
  readonly databaseUrl: string
  /** With which the edge lets somebody in. */
  readonly credentials: Credentials
  /** By name: the processes, and the servers that are embedded. */
  readonly parts: ReadonlyMap<string, Supervised>
}

/** Resolves when every part serves. What was started is released by `stack`. */
export async function startPlatform(
  options: PlatformOptions,
  stack: AsyncDisposableStack,
): Promise<Platform> {
  const { home, host, env, log, forward } = options
  const port = await edgePort(options.port, host, 'PORT')
  const grpcPort =
    options.grpcPort === undefined ? 'off' : await edgePort(options.grpcPort, host, 'GRPC_PORT')
  await mkdir(home, { recursive: true, mode: 0o700 })
  const credentials = await ownCredentials({ home, env, log })

  const servers: Supervised[] = []
  stack.defer(() => stopServers(servers))
  const [nats, database, bwrap, python, rustc] = await allOf([
    options.natsUrl ?? embedNats(options, servers),
    options.databaseUrl ?? embedPostgres(options, servers),
    unlessMissing(provisionBubblewrap({ env, log }), log),
    unlessMissing(provisionPython({ env, log }), log),
    unlessMissing(provisionRust({ env, log }), log),
  ])

  const appEnv = {
    ...env,
    ...credentials,
    HOST: host,
    PORT: String(port),
    GRPC_PORT: String(grpcPort),
    SLUICE_HOME: home,
    NATS_URL: nats,
    MAX_STREAM_BYTES: await maxStreamBytes(options),
    DATABASE_URL: database,
    SLUICE_BWRAP: bwrap,
    SLUICE_PYTHON: python,
    SLUICE_RUSTC: rustc,
  }
  const apps: Supervised[] = []
  stack.defer(() => stopApps(apps))
  const { programs = ourApps } = options
  for (const program of programs({ env: appEnv, log, forward })) {
    apps.push(new Supervised(program, log))
  }
  const [edgeLine = ''] = await Promise.all(apps.map((part) => part.ready))
  return {
    url: readyUrl(edgeLine) || `http://${host}:${port}`,
    grpc: grpcPort === 'off' ? undefined : `${host.includes(':') ? `[${host}]` : host}:${grpcPort}`,
    natsUrl: nats,
    databaseUrl: database,
    credentials,
    parts: new Map([...apps, ...servers].map((part) => [part.name, part])),
  }
}

/** Without what runs user code the rest serves; the executor refuses runs and says why. */
async function unlessMissing(tool: Promise<string>, log: Log): Promise<string | undefined> {
  try {
    return await tool
  } catch (error) {
    log.error('user_code_cannot_run', { error })
    return undefined
  }
}

async function edgePort(port: number, host: string, name: string): Promise<number> {
  if (port === 0) return freePort()
  if (await isFree(port, host)) return port
  throw new Error(`port ${port} on ${host} is taken: stop what listens there, or set ${name}.`)
}

async function embedNats({ home, env, log }: PlatformOptions, servers: Supervised[]) {
  const binary = await provisionNatsServer({ env, log })
  const password = await keptSecret(home, 'nats.password')
  const port = await keptNatsPort(home)
  const directory = join(home, 'nats')
  const natsLog = log.child({ part: 'nats-server' })
  const server = new Supervised(
    natsServer({ binary, directory, port, password, log: natsLog }),
    log,
  )
  servers.push(server)
  await server.ready
  const url = natsUrl({ port, password })
  await tellNatsUrl(home, url)
  return url
}

/** What is given, or what suits the volume of our own server. */
async function maxStreamBytes({ env, home, ...options }: PlatformOptions) {
  const given = env['MAX_STREAM_BYTES']
  if (options.natsUrl !== undefined || (given ?? '') !== '') return given
  return String(await eventsBoundFor(join(home, 'nats')))
}

async function embedPostgres({ home, log }: PlatformOptions, servers: Supervised[]) {
  const password = await keptSecret(home, 'postgres.password')
  const port = await freePort()
  const directory = join(home, 'postgres')
  const postgresLog = log.child({ part: 'postgres' })
  const server = new Supervised(
    postgresServer({ directory, port, password, log: postgresLog }),
    log,
  )
  servers.push(server)
  await server.ready
  return postgresUrl({ port, password })
}

async function stopApps([edge, ...others]: readonly Supervised[]): Promise<void> {
  const startedAt = performance.now()
  const drained = edge?.stop(APPS_STOP_MS)
  await Promise.race([drained, delay(EDGE_DRAIN_MS, undefined, { ref: false })])
  const leftMs = APPS_STOP_MS - (performance.now() - startedAt)
  await Promise.all([drained, ...others.map((part) => part.stop(leftMs))])
}

async function stopServers(servers: readonly Supervised[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop(SERVERS_STOP_MS)))
}
