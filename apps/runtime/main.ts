/**
 * The frame of every `main.ts`: configuration in, exit code out.
 *
 * Invariants:
 * 1. Only this file touches signals and the exit code.
 * 2. SIGTERM and SIGINT abort `signal` once; what was deferred on `stack` is then released in
 *    reverse order, all of it, and the process ends with 0 within `STOP_DEADLINE_MS`.
 * 3. An error that nobody handled ends the process with 1: its supervisor starts a fresh one.
 */
import { existsSync } from 'node:fs'
import { resolveConfig, type Config } from './config.ts'
import { createLog, type Log } from './log.ts'

const STOP_DEADLINE_MS = 9_500

export interface Main {
  readonly config: Config
  readonly log: Log
  /** Aborts when the process has been asked to stop. */
  readonly signal: AbortSignal
  /** Whoever acquires something defers its release here. */
  readonly stack: AsyncDisposableStack
  /** Ends the process as failed, after releasing everything. */
  readonly fail: (error: unknown) => void
}

/** Runs `body`; it may return while its workers go on: the process lives until `signal` aborts. */
export async function runMain(name: string, body: (main: Main) => Promise<void>): Promise<void> {
  if (existsSync('.env')) process.loadEnvFile('.env')
  let log = createLog({ process: name, level: 'info' })
  const stopping = new AbortController()
  const failure = Promise.withResolvers<never>()
  const fail = (error: unknown) => failure.reject(error)
  const stopped = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stopping.abort())
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  // A reader of our log that goes away must not take the process with it.
  process.stdout.on('error', () => stopping.abort())

  const stack = new AsyncDisposableStack()
  let code = 0
  try {
    const config = resolveConfig(process.env)
    log = createLog({ process: name, level: config.logLevel })
    const started = body({ config, log, signal: stopping.signal, stack, fail })
    await Promise.race([started, failure.promise, stopped])
    await Promise.race([failure.promise, stopped])
    log.info('stopping')
  } catch (error) {
    log.critical('failed', { error })
    code = 1
    stopping.abort()
  }
  const deadline = setTimeout(() => {
    log.critical('stop_deadline_passed', { deadlineMs: STOP_DEADLINE_MS })
    process.exit(1)
  }, STOP_DEADLINE_MS)
  try {
    await stack.disposeAsync()
  } catch (error) {
    log.error('release_failed', { error })
    code = 1
  }
  clearTimeout(deadline)
  log.info('stopped', { code })
  process.exit(code)
}
