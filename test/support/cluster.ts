/**
 * The database cluster that each platform and server of a test starts with: made once for the run,
 * which names it in SLUICE_TEST_CLUSTER, and copied, since making one takes a second of a processor.
 * Without it each makes its own, as a first start does.
 */
import { execFile } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { exists } from '../../apps/local/provision/cache.ts'
import { keptSecret } from '../../apps/local/secret.ts'
import { postgresServer } from '../../apps/local/services/postgres.ts'
import { quietLog } from './quiet-log.ts'

const run = promisify(execFile)
export const CLUSTER = 'SLUICE_TEST_CLUSTER'
/** As a platform's home has them. */
const DATA = 'postgres'
const PASSWORD = 'postgres.password'

/** Of a home with a cluster. */
export async function clusterIn(home: string) {
  return { directory: join(home, DATA), password: await keptSecret(home, PASSWORD) }
}

export async function makeCluster(home: string): Promise<void> {
  await mkdir(home, { mode: 0o700 })
  const log = quietLog('postgres')
  // What it takes to start a server, without starting it.
  await postgresServer({ ...(await clusterIn(home)), port: 0, log }).command()
}

/** Unless the home has one. */
export async function copyCluster(home: string, made = process.env[CLUSTER]): Promise<void> {
  if (made === undefined || (await exists(join(home, DATA)))) return
  await mkdir(home, { recursive: true, mode: 0o700 })
  // Its owner is another user where we are root.
  await run('cp', ['-a', join(made, DATA), join(made, PASSWORD), home])
}
