/** A real redis-server of a test's own: free port, own directory, nothing kept. */
import { freePort } from '../../apps/local/free-port.ts'
import { librariesOf, provisionRedisServer } from '../../apps/local/provision/redis-server.ts'
import type { Program } from '../../apps/local/program.ts'
import { quietLog } from './quiet-log.ts'
import { TestServer } from './server.ts'
import { tempDir } from './temp-dir.ts'

export interface TestRedis extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly pid: number | undefined
  /** `kill -9`; returns when it is gone. */
  kill(): Promise<void>
  /** Empty, on the same port; returns when it serves. */
  restart(): Promise<void>
  /** SIGSTOP: it keeps its connections and answers nothing. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
}

export async function startRedis(args: readonly string[] = []): Promise<TestRedis> {
  await using starting = new AsyncDisposableStack()
  const directory = starting.use(await tempDir('redis'))
  const port = await freePort()
  const file = await provisionRedisServer({ env: process.env, log: quietLog('redis-server') })
  const libraries = await librariesOf(file)
  const program: Program = {
    name: 'redis-server',
    stopSignal: 'SIGTERM',
    command: async () => ({
      file,
      args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', ...args],
      env: { LD_LIBRARY_PATH: libraries },
      cwd: directory.path,
      deathSignal: 'KILL',
    }),
    isReady: (line) => line.includes('Ready to accept connections'),
    onLine: () => undefined,
  }
  const server = starting.use(await TestServer.start(program))
  const signal = (name: NodeJS.Signals) => {
    if (server.pid !== undefined) process.kill(server.pid, name)
  }
  // One that is frozen would not hear that it shall stop.
  starting.defer(() => signal('SIGCONT'))
  const owned = starting.move()
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return server.pid
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
