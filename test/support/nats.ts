/** A real nats-server of a test's own: free port, own store, every message fsynced. */
import { join } from 'node:path'
import { freePort } from '../../apps/local/free-port.ts'
import { provisionNatsServer } from '../../apps/local/provision/nats-server.ts'
import { natsServer, natsUrl } from '../../apps/local/services/nats-server.ts'
import { quietLog } from './quiet-log.ts'
import { TestServer } from './server.ts'
import { tempDir } from './temp-dir.ts'

export interface TestNats extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly pid: number | undefined
  /** `kill -9`; returns when it is gone. */
  kill(): Promise<void>
  /** On the same port and store; returns when it serves. */
  restart(): Promise<void>
}

export async function startNats(): Promise<TestNats> {
  await using starting = new AsyncDisposableStack()
  const log = quietLog('nats-server')
  const directory = starting.use(await tempDir('nats'))
  const port = await freePort()
  const program = natsServer({
    binary: await provisionNatsServer({ env: process.env, log }),
    directory: join(directory.path, 'nats'),
    port,
    log,
  })
  const server = starting.use(await TestServer.start(program))
  const owned = starting.move()
  return {
    url: natsUrl({ port }),
    port,
    get pid() {
      return server.pid
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
