/**
 * The projector process: keeps the read models in Postgres equal to the log. Any number may run:
 * one leads, the others stand by.
 */
import { migrate } from '#projections/migrate.ts'
import { openDatabase } from '#projections/database.ts'
import { connectBus } from '#runtime/bus.ts'
import { required } from '#runtime/config.ts'
import { runMain } from '#runtime/main.ts'
import { untilDone } from '#runtime/retry.ts'
import { observe } from './observe.ts'
import { Projector } from './projector.ts'

const MIGRATION_TIMEOUT_MS = 600_000

await runMain('projector', async (main) => {
  const { config, log, signal, stack } = main
  const databaseUrl = required(config, 'databaseUrl')
  const connection = await connectBus('projector', main)
  const { bus, payloads } = connection
  const migrations = await untilDone(() => bringUp(databaseUrl), {
    what: 'migrations',
    log,
    signal,
  })
  const projector = new Projector({ bus, payloads, databaseUrl, log, signal })
  observe(connection.telemetry, projector)
  const running = projector.run()
  running.catch((error: unknown) => main.fail(error))
  stack.defer(() => running.catch(() => undefined))
  const role = await Promise.race([projector.settled, running])
  connection.announce()
  log.announce('ready', { role, migrations })
})

async function bringUp(url: string): Promise<readonly string[]> {
  const statementTimeoutMs = MIGRATION_TIMEOUT_MS
  await using database = openDatabase({ url, name: 'migrations', poolSize: 1, statementTimeoutMs })
  return await migrate(database.db)
}
