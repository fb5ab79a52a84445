/**
 * Synchronous work under a deadline: a user's schema may be exponential in a small body, and no code
 * of ours between its steps could look at a clock. The engine itself ends the work.
 *
 * It costs some 0.1 ms for the watchdog: not for the hot path.
 */
import { createContext, Script } from 'node:vm'

const EXECUTION_TIMEOUT = 'ERR_SCRIPT_EXECUTION_TIMEOUT'

const context: { work: (() => unknown) | undefined } = { work: undefined }
createContext(context)
const script = new Script('work()')

export class DeadlinePassed extends Error {
  readonly code = 'DEADLINE_PASSED'
  constructor(withinMs: number, options?: ErrorOptions) {
    super(`not done within ${withinMs} ms`, options)
    this.name = 'DeadlinePassed'
  }
}

/** Rethrows what `work` throws; a `DeadlinePassed` if it was cut off. Do not nest. */
export function bounded<T>(work: () => T, withinMs: number): T {
  context.work = work
  try {
    return script.runInContext(context, { timeout: withinMs }) as T
  } catch (error) {
    if (!isTimeout(error)) throw error
    throw new DeadlinePassed(withinMs, { cause: error })
  } finally {
    context.work = undefined
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === EXECUTION_TIMEOUT
}
