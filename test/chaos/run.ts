/**
 * One chaos run: the real platform, a load that does not stop, kills; then quiet, and the reckoning.
 *
 * Invariant: whatever a failure is, the figures and the seed come out with it.
 */
import { startPlatform, type TestPlatform } from '../support/platform.ts'
import { Client } from './client.ts'
import { exchangeWith } from './exchange.ts'
import { count, Journal, type Known } from './journal.ts'
import { killAll, type Kill } from './killer.ts'
import { load } from './load.ts'
import { readLog } from './log-truth.ts'
import type { ChaosOptions } from './options.ts'
import { Random } from '#test/support/random.ts'
import type { ChaosReport } from './report.ts'
import { LONG, passing, SOURCES } from './sources.ts'
import { readStored, untilQuiet } from './stored.ts'
import { verifyFunctions } from './verify-functions.ts'
import { verifyJobs, type JobFigures } from './verify-jobs.ts'

export interface ChaosRun extends ChaosOptions {
  /** Says how far it is. */
  readonly say: (text: string) => void
}

export async function runChaos({ say, ...options }: ChaosRun): Promise<ChaosReport> {
  const startedAt = performance.now()
  const journal = new Journal()
  const random = new Random(options.seed)
  say(`seed ${options.seed}`)
  // What ran is told by the executors at this level only.
  await using platform = await startPlatform({ env: { LOG_LEVEL: 'debug' } })
  using exchange = exchangeWith(platform.url)
  const client = new Client(exchange, journal)
  const kills: Kill[] = []
  let jobs: JobFigures | undefined
  try {
    const standing = await registerAll(client)
    const probe = await must(client.register(passing('probe', 1)), 'the probe')
    const long = await must(client.register(LONG), LONG.name)
    await underLoad({ client, journal, random, standing, long, options }, async () => {
      const onKill = (part: string, index: number) => say(`kill ${index}: ${part}`)
      const { kills: wanted } = options
      kills.push(...(await killAll({ platform, client, probe, random, kills: wanted, onKill })))
    })
    say('the load has stopped')
    jobs = await reckon(platform, client, journal)
  } catch (error) {
    journal.violate(`the run did not come to its end: ${told(error)}`)
  }
  const settled = await Promise.all(
    kills.map(async ({ part, readyMs, servedMs }) => ({ part, readyMs: await readyMs, servedMs })),
  )
  const seconds = Math.round((performance.now() - startedAt) / 1_000)
  return { options, seconds, kills: settled, journal, jobs, ownEnds: ownEnds(platform) }
}

interface UnderLoad {
  readonly client: Client
  readonly journal: Journal
  readonly random: Random
  readonly standing: readonly Known[]
  readonly long: Known
  readonly options: ChaosOptions
}

async function underLoad(
  { options: { inFlight }, ...calls }: UnderLoad,
  action: () => Promise<void>,
): Promise<void> {
  const stopping = new AbortController()
  const { signal } = stopping
  const loading = load({ ...calls, random: calls.random.fork(), inFlight, signal })
  try {
    await action()
  } finally {
    stopping.abort()
    await loading
  }
}

async function reckon(platform: TestPlatform, client: Client, journal: Journal) {
  // Functions whose registration got no answer may exist and have no jobs of ours.
  const functionIds = [...journal.functions.keys()]
  await untilQuiet(client, functionIds)
  const [log, stored] = [await readLog(platform.natsUrl), await readStored(client, functionIds)]
  verifyFunctions(journal, log, stored)
  return verifyJobs(journal, log, stored, runsIn(platform.lines))
}

async function registerAll(client: Client): Promise<Known[]> {
  const standing: Known[] = []
  for (const source of SOURCES) standing.push(await must(client.register(source), source.name))
  return standing
}

async function must<T>(trying: Promise<T | undefined>, what: string): Promise<T> {
  const done = await trying
  if (done === undefined) throw new Error(`${what} could not be registered`)
  return done
}

/** Runs of the user's code that came to an end, by job. */
function runsIn(lines: readonly string[]): Map<number, number> {
  const runs = new Map<number, number>()
  for (const line of lines) {
    if (!line.includes('"event":"run_ended"')) continue
    count(runs, (JSON.parse(line) as { job_id: number }).job_id)
  }
  return runs
}

/** A process that failed says so; one that was killed cannot. */
function ownEnds(platform: TestPlatform): string[] {
  return platform.lines
    .filter((line) => line.includes('"event":"failed"'))
    .map((line) => line.slice(0, 600))
}

function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { message, cause } = error
  return cause === undefined ? message : `${message} (${told(cause)})`
}
