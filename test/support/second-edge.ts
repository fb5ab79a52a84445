/** One more edge beside those of a platform, on a port of its own. */
import { fileURLToPath } from 'node:url'
import { freePort } from '../../apps/local/free-port.ts'
import { start, stop, type Exit } from '../../apps/local/program.ts'
import type { TestPlatform } from './platform.ts'

const EDGE = fileURLToPath(new URL('../../apps/edge/main.ts', import.meta.url))
const STOP_TIMEOUT_MS = 60_000

export interface SecondEdge extends AsyncDisposable {
  readonly url: string
  /** Host and port of gRPC. */
  readonly grpc: string
  /** In order; past its time for that it would end with 1. */
  stop(): Promise<Exit>
}

export async function startSecondEdge(
  { natsUrl, databaseUrl, credentials }: TestPlatform,
  env: Readonly<Record<string, string>> = {},
): Promise<SecondEdge> {
  const port = await freePort()
  const grpcPort = await freePort()
  const run = await start({
    name: 'edge',
    stopSignal: 'SIGTERM',
    command: async () => ({
      file: process.execPath,
      args: [EDGE],
      env: {
        ...process.env,
        ...credentials,
        HOST: '127.0.0.1',
        PORT: String(port),
        GRPC_PORT: String(grpcPort),
        NATS_URL: natsUrl,
        DATABASE_URL: databaseUrl,
        ...env,
      },
      deathSignal: 'KILL',
    }),
    isReady: (line) => line.includes('"event":"ready"'),
    onLine: () => {},
  })
  await run.ready
  const end = () => stop(run, 'SIGTERM', STOP_TIMEOUT_MS)
  return {
    url: `http://127.0.0.1:${port}`,
    grpc: `127.0.0.1:${grpcPort}`,
    stop: end,
    [Symbol.asyncDispose]: async () => void (await end()),
  }
}
