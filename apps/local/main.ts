/** `npm start`: everything on this machine, in one command, until it is told to stop. */
import { runMain } from '#runtime/main.ts'
import { lockHome } from './home-lock.ts'
import { startPlatform } from './platform.ts'

await runMain('local', async ({ config, log, stack }) => {
  const startedAt = performance.now()
  const { home, host, port, natsUrl, databaseUrl } = config
  stack.use(await lockHome(home))
  log.info('starting', { pid: process.pid, home })
  const platform = await startPlatform(
    {
      home,
      host,
      port,
      natsUrl,
      databaseUrl,
      env: process.env,
      log,
      forward: (line) => void process.stdout.write(`${line}\n`),
    },
    stack,
  )
  const durationMs = Math.round(performance.now() - startedAt)
  log.info('ready', { url: platform.url, pid: process.pid, durationMs })
})
