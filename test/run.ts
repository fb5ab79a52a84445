/**
 * `npm test`: brings what is missing, starts the shared Postgres, runs the test files side by side,
 * then looks for what they left behind.
 *
 *   npm test                               everything
 *   npm test -- test/domain/job.test.ts    these files; options are passed on to node:test
 *
 * Invariants:
 * 1. A process or a temporary file that outlives the run fails it.
 * 2. The exit code is node:test's own, or 1 when something was left.
 */
import { randomBytes } from 'node:crypto'
import { chmod, glob, mkdtemp, readdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createLog } from '#runtime/log.ts'
import { allOf } from '../apps/local/all-of.ts'
import { provisionBubblewrap } from '../apps/local/provision/bubblewrap.ts'
import { provisionNatsServer } from '../apps/local/provision/nats-server.ts'
import { provisionPython } from '../apps/local/provision/python.ts'
import { provisionRedisServer } from '../apps/local/provision/redis-server.ts'
import { provisionRust } from '../apps/local/provision/rust.ts'
import { start, stop } from '../apps/local/program.ts'
import { CLUSTER, makeCluster } from './support/cluster.ts'
import { processesOfRun, RUN_MARK } from './support/left-processes.ts'
import { SHARED_SERVER, startPostgres } from './support/postgres.ts'
import { tempDir } from './support/temp-dir.ts'
import { until } from './support/until.ts'

const MAX_CONCURRENCY = 4
/** Of a whole file, and only for one that hangs: a busy machine takes many times as long as ours. */
const TEST_TIMEOUT_MS = 1_200_000
const STOP_TIMEOUT_MS = 15_000
const PASSABLE = 0o711
/** For the last exits and unlinks that a finished test has asked for but not waited for. */
const SETTLE_MS = 60_000

process.exitCode = await run(process.argv.slice(2))

async function run(args: readonly string[]): Promise<number> {
  await using owned = new AsyncDisposableStack()
  const log = createLog({ process: 'test', level: 'info' })
  const mark = randomBytes(8).toString('hex')
  const options = { env: process.env, log }

  const directory = owned.use(await tempDir('run'))
  const cluster = join(directory.path, 'cluster')
  const [nats, bwrap, python, redis, rustc] = await allOf([
    provisionNatsServer(options),
    provisionBubblewrap(options),
    provisionPython(options),
    provisionRedisServer(options),
    // Without it the tests of rust fail and say why; the others run.
    provisionRust(options).catch(() => undefined),
    makeCluster(cluster),
  ])
  const postgres = owned.use(await startPostgres(cluster))
  const temporary = await mkdtemp(join(directory.path, 't-'))
  // A checkout in there has programs that root runs as other users: they may pass, not look.
  for (const folder of [directory.path, temporary]) await chmod(folder, PASSABLE)
  const env = {
    ...process.env,
    TMPDIR: temporary,
    SLUICE_NATS_SERVER: nats,
    SLUICE_BWRAP: bwrap,
    SLUICE_PYTHON: python,
    SLUICE_REDIS_SERVER: redis,
    SLUICE_RUSTC: rustc,
    // Most of the time of a short test is that of Node reading our own modules, in each process anew.
    NODE_COMPILE_CACHE: join(directory.path, 'compiled'),
    [SHARED_SERVER]: postgres.url,
    [CLUSTER]: cluster,
    [RUN_MARK]: mark,
  }
  const code = await runNodeTest(await nodeTestArgs(args), env)
  return (await nothingIsLeft(mark, temporary)) ? code : 1
}

async function nodeTestArgs(args: readonly string[]): Promise<string[]> {
  const options = args.filter((arg) => arg.startsWith('-'))
  const named = args.filter((arg) => !arg.startsWith('-'))
  const files = named.length > 0 ? named : await allTestFiles()
  // There is always one that only waits: for a lease to end, a tick to come.
  const concurrency = Math.min(MAX_CONCURRENCY, availableParallelism() + 1)
  return [
    ...['--import', './test/support/documented.ts'],
    ...['--test', '--test-reporter=spec'],
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    ...options,
    ...files.sort(),
  ]
}

async function allTestFiles(): Promise<string[]> {
  const files: string[] = []
  for await (const file of glob('test/**/*.test.ts')) files.push(file)
  return files
}

async function runNodeTest(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const tests = await start({
    name: 'tests',
    stopSignal: 'SIGTERM',
    command: async () => ({ file: process.execPath, args, env, deathSignal: 'KILL' }),
    isReady: () => false,
    onLine: (line, stream) => void process[stream].write(`${line}\n`),
  })
  const interrupt = () => {
    stop(tests, 'SIGINT', STOP_TIMEOUT_MS).catch(() => {})
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  const { code } = await tests.exited
  return code ?? 1
}

/** Says what is left, and ends what is still running. */
async function nothingIsLeft(mark: string, temporary: string): Promise<boolean> {
  const leftFiles = () => readdir(temporary)
  const clean = async () =>
    (await processesOfRun(mark)).length === 0 && (await leftFiles()).length === 0
  try {
    await until(clean, { timeoutMs: SETTLE_MS })
    return true
  } catch {
    for (const { pid, command } of await processesOfRun(mark)) {
      process.stderr.write(`left behind: process ${pid}, ${command}\n`)
      process.kill(pid, 'SIGKILL')
    }
    for (const name of await leftFiles()) {
      process.stderr.write(`left behind: ${join(temporary, name)}\n`)
    }
    return false
  }
}
