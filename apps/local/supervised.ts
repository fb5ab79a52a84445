/**
 * A program that is kept running: whatever ends without being told to is started again.
 *
 * Invariants:
 * 1. At most one run at a time; a restart begins when the last run is gone.
 * 2. Restarts back off, and start afresh once a run has stayed up for `STEADY_MS`.
 * 3. A program that never once became ready is given up after `HOPELESS_STARTS`: then `ready`
 *    rejects. One that did is restarted for ever.
 * 4. After `stop` nothing is started any more. `stop` may be called twice.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '#runtime/log.ts'
import { backoffMs } from './backoff.ts'
import { ProgramError, start, stop, type Exit, type Program, type Run } from './program.ts'

const STEADY_MS = 3_000
const HOPELESS_STARTS = 6

export class Supervised {
  readonly name: string
  /** The line with which it first said that it serves. */
  readonly ready: Promise<string>
  readonly #program: Program
  readonly #log: Log
  readonly #firstReady = Promise.withResolvers<string>()
  readonly #stopping = new AbortController()
  readonly #loop: Promise<void>
  #run: Run | undefined
  #failures = 0
  #wasReady = false
  #stopTimeoutMs = 0

  constructor(program: Program, log: Log) {
    this.name = program.name
    this.#program = program
    this.#log = log.child({ part: program.name })
    this.ready = this.#firstReady.promise
    // Whoever does not wait for readiness still learns of the failure from the log.
    this.ready.catch(() => {})
    this.#loop = this.#keepRunning()
  }

  /** Undefined between two runs. */
  get pid(): number | undefined {
    return this.#run?.pid
  }

  /** Ends the present run only; resolves when it is gone, and the next one is on its way. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const run = this.#run
    run?.kill(signal)
    await run?.exited
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#stopTimeoutMs = timeoutMs
    this.#stopping.abort()
    if (this.#run !== undefined) {
      const { code, signal } = await stop(this.#run, this.#program.stopSignal, timeoutMs)
      if (code !== 0) this.#log.warn('part_stopped_badly', { code, signal })
    }
    await this.#loop
  }

  async #keepRunning(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const startedAt = performance.now()
      const ended = await this.#runOnce(startedAt)
      if (signal.aborted) return
      const uptimeMs = Math.round(performance.now() - startedAt)
      if (uptimeMs >= STEADY_MS) this.#failures = 0
      const delayMs = backoffMs(this.#failures++)
      if (!this.#wasReady && this.#failures >= HOPELESS_STARTS) return this.#giveUp(ended)
      this.#log.warn('part_restarts', { ...ended, uptimeMs, delayMs })
      await delay(delayMs, undefined, { signal }).catch(() => {})
    }
  }

  async #runOnce(startedAt: number): Promise<Exit | { error: unknown }> {
    try {
      const run = await start(this.#program)
      this.#run = run
      if (this.#stopping.signal.aborted) {
        return await stop(run, this.#program.stopSignal, this.#stopTimeoutMs)
      }
      run.ready.then(
        (line) => this.#serves(line, run.pid, startedAt),
        () => {},
      )
      return await run.exited
    } catch (error) {
      return { error }
    } finally {
      this.#run = undefined
    }
  }

  #serves(line: string, pid: number, startedAt: number): void {
    this.#wasReady = true
    this.#log.info('part_ready', { pid, durationMs: Math.round(performance.now() - startedAt) })
    this.#firstReady.resolve(line)
  }

  #giveUp(ended: Exit | { error: unknown }): void {
    const cause = 'error' in ended ? ended.error : ended
    const why = cause instanceof Error ? cause.message : JSON.stringify(cause)
    this.#firstReady.reject(
      new ProgramError(`${this.name} did not start in ${HOPELESS_STARTS} attempts: ${why}`, {
        cause,
      }),
    )
  }
}
