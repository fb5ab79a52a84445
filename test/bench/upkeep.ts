/** What keeping the platform costs: memory at rest, a restart, a rebuild of every read model. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { openBus } from '#events/jetstream/bus.ts'
import { EVENTS } from '#events/streams.ts'
import type { TestPlatform } from '#test/support/platform.ts'

const run = promisify(execFile)
const REBUILD = resolve(import.meta.dirname, '../../apps/projector/rebuild.ts')

/** Resident MiB by process. */
export async function memoryAtRest(
  processes: TestPlatform['processes'],
): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const [name, pid] of Object.entries(processes)) {
    if (pid === undefined) continue
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    found[name] = Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) / 1_024
  }
  return found
}

export async function rebuildPerSecond({ natsUrl, databaseUrl }: TestPlatform): Promise<number> {
  await using bus = await openBus({ url: natsUrl, name: 'bench', onStatus: () => undefined })
  const { messages } = (await bus.jsm.streams.info(EVENTS)).state
  const startedAt = performance.now()
  const env = { ...process.env, NATS_URL: natsUrl, DATABASE_URL: databaseUrl }
  await run(process.execPath, [REBUILD], { env })
  return (messages * 1_000) / (performance.now() - startedAt)
}
