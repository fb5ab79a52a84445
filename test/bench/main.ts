/**
 * `npm run bench`: floors and ours in one run on one machine, as a table and as JSON.
 *
 * The machine's other work shows in every figure, so the ratios at the end are what to compare. The
 * JSON goes to the file named by `BENCH_JSON`, `bench.json` in the data folder by default.
 * `BENCH_SCALE=0.05` is a twentieth of it all, to see that it works.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { quietLog } from '#test/support/quiet-log.ts'
import { startPlatform } from '#test/support/platform.ts'
import { tempDir } from '#test/support/temp-dir.ts'
import type { SandboxOptions } from '#sandbox/options.ts'
import { provisionBubblewrap } from '../../apps/local/provision/bubblewrap.ts'
import { provisionPython } from '../../apps/local/provision/python.ts'
import { provisionRust } from '../../apps/local/provision/rust.ts'
import { measureCalls } from './calls.ts'
import { measureChunks } from './chunks.ts'
import { Client } from './client.ts'
import { measureEvents } from './events.ts'
import { measureFloors } from './floors.ts'
import { measureLag } from './lag.ts'
import { measureLimiter } from './limiter.ts'
import { measureNeighbour } from './neighbour.ts'
import { report, type Results } from './report.ts'
import { measureSessions } from './sessions.ts'
import { memoryAtRest, rebuildPerSecond } from './upkeep.ts'

const say = (text: string) => process.stderr.write(`${text}\n`)

async function measure(): Promise<Results> {
  await using home = await tempDir('bench')
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model.trim()}, Node ${process.version}`
  let measured: Omit<Results, 'restartMs' | 'sessions' | 'events' | 'chunks'>
  {
    await using platform = await startPlatform({ home: home.path, heardMax: 0 })
    const { url, natsUrl, databaseUrl, processes } = platform
    const client = new Client(url)
    const memoryMb = await memoryAtRest(processes)
    say('floors …')
    const sandbox = await sandboxOptions(join(home.path, 'sandbox'))
    const floors = await measureFloors({ natsUrl, databaseUrl, sandbox })
    say('calls …')
    const calls = await measureCalls(client)
    say('noisy neighbour …')
    const neighbour = await measureNeighbour(client)
    say('projection lag …')
    const lag = await measureLag(client, natsUrl)
    say('limiter …')
    const limiter = await measureLimiter()
    say('rebuild …')
    const rebuilt = await rebuildPerSecond(platform)
    measured = {
      machine,
      memoryMb,
      floors,
      calls,
      neighbour,
      lag,
      limiter,
      rebuildPerSecond: rebuilt,
    }
  }
  say('restart …')
  const startedAt = performance.now()
  await using restarted = await startPlatform({ home: home.path, heardMax: 0 })
  const restartMs = performance.now() - startedAt
  await restarted.stop()
  say('sessions …')
  const sessions = await measureSessions()
  say('events …')
  const events = await measureEvents()
  say('chunks …')
  return { ...measured, restartMs, sessions, events, chunks: await measureChunks() }
}

/** The programs that the platform itself found or brought. */
async function sandboxOptions(cacheDir: string): Promise<SandboxOptions> {
  const options = { env: process.env, log: quietLog('bench') }
  const [bwrapPath, pythonPath, rustcPath] = [
    await provisionBubblewrap(options),
    await provisionPython(options),
    await provisionRust(options),
  ]
  return { cacheDir, bwrapPath, pythonPath, rustcPath }
}

const results = await measure()
const file = resolve(process.env['BENCH_JSON'] ?? join('.sluice', 'bench.json'))
await mkdir(dirname(file), { recursive: true })
await writeFile(file, `${JSON.stringify(results, null, 2)}\n`)
process.stdout.write(`${report(results)}\n`)
process.exit(0)
