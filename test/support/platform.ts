/**
 * The whole platform as `npm start` runs it, in a test: all real processes, their own servers, a
 * free port, a home that is gone with the scope.
 */
import { openBus, type Bus } from '#events/jetstream/bus.ts'
import { freePort } from '../../apps/local/free-port.ts'
import type { Credentials } from '../../apps/local/credentials.ts'
import { startPlatform as startEverything } from '../../apps/local/platform.ts'
import type { Supervised } from '../../apps/local/supervised.ts'
import { copyCluster } from './cluster.ts'
import { quietLog } from './quiet-log.ts'
import { tempDir } from './temp-dir.ts'
import { watchTold, type ToldWatch } from './told.ts'

/** Many platforms share a disk. */
export const STREAM_BYTES = 1024 ** 3

export interface TestPlatform extends AsyncDisposable {
  readonly url: string
  /** Host and port of gRPC. */
  readonly grpc: string
  readonly natsUrl: string
  readonly databaseUrl: string
  readonly home: string
  /** Given by `env`, or made at the first start. */
  readonly credentials: Credentials
  /** Process ids by name: edge, handler, executor, projector, nats-server, postgres. */
  readonly processes: Readonly<Record<string, number | undefined>>
  /** Every log line of the processes, in order of arrival. */
  readonly lines: readonly string[]
  /** What it says on its streams, each message held against its schema when the platform stops. */
  readonly told: ToldWatch
  /** A connection to its NATS, which ends with it. */
  openBus(): Promise<Bus>
  /** Resolves when it is gone; the supervisor starts the next one. */
  kill(name: string, signal?: NodeJS.Signals): Promise<void>
  /** It keeps its connections and does nothing, until what is returned is called. */
  freeze(name: string): () => void
  /** In order, as on SIGTERM. */
  stop(): Promise<void>
}

export interface TestPlatformOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Data that outlives this platform, for a test of restarts. */
  readonly home?: string
  /** How many of its messages are held against their schemas; a bench would measure that too. */
  readonly heardMax?: number
}

export async function startPlatform(options: TestPlatformOptions = {}): Promise<TestPlatform> {
  await using starting = new AsyncDisposableStack()
  const home = options.home ?? starting.use(await tempDir('home')).path
  await copyCluster(home)
  const lines: string[] = []
  const platform = await startEverything(
    {
      home,
      host: '127.0.0.1',
      port: await freePort(),
      grpcPort: await freePort(),
      env: { ...process.env, MAX_STREAM_BYTES: String(STREAM_BYTES), ...options.env },
      log: quietLog('local'),
      forward: (line) => {
        lines.push(line)
        if (line.includes('"level":"ERROR"')) process.stderr.write(`${line}\n`)
      },
    },
    starting,
  )
  const told = starting.use(await watchTold(platform.natsUrl, options.heardMax))
  const owned = starting.move()
  const part = (name: string): Supervised => {
    const found = platform.parts.get(name)
    if (found === undefined) throw new Error(`no part is called ${name}`)
    return found
  }
  return {
    url: platform.url,
    grpc: platform.grpc ?? '',
    natsUrl: platform.natsUrl,
    databaseUrl: platform.databaseUrl,
    home,
    credentials: platform.credentials,
    lines,
    told,
    get processes() {
      return Object.fromEntries([...platform.parts].map(([name, { pid }]) => [name, pid]))
    },
    openBus: async () =>
      owned.use(await openBus({ url: platform.natsUrl, name: 'test', onStatus: () => undefined })),
    kill: (name, signal) => part(name).kill(signal),
    freeze: (name) => {
      const { pid } = part(name)
      if (pid === undefined) throw new Error(`${name} does not run`)
      process.kill(pid, 'SIGSTOP')
      return () => void process.kill(pid, 'SIGCONT')
    },
    stop: () => owned.disposeAsync(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
