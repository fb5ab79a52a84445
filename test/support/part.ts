/** One more process of the platform's parts, beside those that the platform itself runs. */
import { fileURLToPath } from 'node:url'
import { start, stop } from '../../apps/local/program.ts'
import type { TestPlatform } from './platform.ts'
import { tempDir } from './temp-dir.ts'

const STOP_TIMEOUT_MS = 60_000

/** Resolves when it is ready. */
export async function startPart(
  name: 'edge' | 'handler' | 'executor',
  { natsUrl, databaseUrl }: Pick<TestPlatform, 'natsUrl' | 'databaseUrl'>,
  env: Readonly<Record<string, string>> = {},
): Promise<AsyncDisposable> {
  await using starting = new AsyncDisposableStack()
  const home = starting.use(await tempDir(name)).path
  const file = fileURLToPath(new URL(`../../apps/${name}/main.ts`, import.meta.url))
  const urls = { NATS_URL: natsUrl, DATABASE_URL: databaseUrl, SLUICE_HOME: home }
  const run = await start({
    name,
    stopSignal: 'SIGTERM',
    command: () =>
      Promise.resolve({
        file: process.execPath,
        args: [file],
        env: { ...process.env, ...urls, ...env },
        deathSignal: 'KILL',
      }),
    isReady: (line) => line.includes('"event":"ready"'),
    onLine: () => undefined,
  })
  starting.defer(async () => {
    await stop(run, 'SIGTERM', STOP_TIMEOUT_MS)
  })
  await run.ready
  return starting.move()
}
