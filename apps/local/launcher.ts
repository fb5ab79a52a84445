/**
 * The launcher's body: holds the home, starts everything, says once that it is ready.
 * Restarts of single parts happen below it and are not announced again.
 */
import type { Main } from '#runtime/main.ts'
import { lockHome } from './home-lock.ts'
import { watchNpm } from './npm-watch.ts'
import { startPlatform, type PlatformOptions } from './platform.ts'

export async function launch(
  { config, log, stack }: Main,
  overrides: Pick<PlatformOptions, 'programs'> = {},
): Promise<void> {
  const startedAt = performance.now()
  const { home, host, port, grpcPort, natsUrl, databaseUrl } = config
  stack.use(
    watchNpm(process.env, () => {
      log.info('npm_is_gone')
      process.kill(process.pid, 'SIGTERM')
    }),
  )
  stack.use(await lockHome(home))
  log.info('starting', { pid: process.pid, home })
  const { url, grpc } = await startPlatform(
    {
      ...{ home, host, port, grpcPort, natsUrl, databaseUrl, log },
      env: process.env,
      forward: (line) => void process.stdout.write(`${line}\n`),
      ...overrides,
    },
    stack,
  )
  const durationMs = Math.round(performance.now() - startedAt)
  log.announce('ready', { url, grpc, pid: process.pid, durationMs })
}
