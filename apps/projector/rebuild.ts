/**
 * `npm run projections:rebuild [-- model…]`: makes read models from the log anew, all by default.
 *
 * It works while a projector runs and queries are answered: the new tables are filled in a schema of
 * their own up to where the projector stands, then the old ones are locked, the last few messages
 * are applied, and the tables change places in one transaction. Holding the leader's lock instead
 * would leave every reader with what is stale for as long as the rebuild takes.
 *
 * Invariants:
 * 1. The new tables stand at exactly the checkpoint that the projector goes on from.
 * 2. If the checkpoint does not lie on this log, the new one replaces it, and then all models are
 *    rebuilt, since one checkpoint speaks for all.
 * 3. What the log no longer holds is kept (`projections/rebuilt.ts`).
 * 4. A rebuild that dies leaves nothing but a schema that the next one drops.
 */
import { connectBus } from '#runtime/bus.ts'
import { ConfigError, required } from '#runtime/config.ts'
import { runMain } from '#runtime/main.ts'
import { MODELS, type Model } from '#projections/rebuilt.ts'
import { rebuild } from './rebuild-models.ts'

await runMain('projections-rebuild', async (main) => {
  const { config, log, signal } = main
  const models = modelsNamed(process.argv.slice(2))
  const databaseUrl = required(config, 'databaseUrl')
  const { bus, payloads } = await connectBus('projections-rebuild', main)
  const startedAt = performance.now()
  const result = await rebuild({ bus, payloads, databaseUrl, log, signal, models })
  const seconds = (performance.now() - startedAt) / 1_000
  log.info('rebuilt', {
    models,
    ...result,
    seconds,
    perSecond: Math.round(result.messages / seconds),
  })
  // The frame of a process ends it on a signal only.
  process.kill(process.pid, 'SIGTERM')
})

function modelsNamed(names: readonly string[]): readonly Model[] {
  const all = Object.keys(MODELS) as Model[]
  const unknown = names.filter((name) => !Object.hasOwn(MODELS, name))
  if (unknown.length > 0) {
    throw new ConfigError(
      `no read model is called ${unknown.join(', ')}. There are ${all.join(', ')}.`,
    )
  }
  return names.length === 0 ? all : all.filter((name) => names.includes(name))
}
