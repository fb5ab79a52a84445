/** Waits for a condition instead of for a time. */
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 10
/** Only for what never comes: a busy machine takes many times as long as a quiet one. */
const DEFAULT_TIMEOUT_MS = 120_000

export interface UntilOptions {
  readonly timeoutMs?: number
  readonly pollMs?: number
  /** What is being waited for, for the error. */
  readonly what?: string
}

/**
 * Resolves with the first value that is neither undefined, null nor false. An attempt that throws
 * counts as not yet; the last error is the cause of the time-out's.
 */
export async function until<T>(
  attempt: () => T | Promise<T>,
  { timeoutMs = DEFAULT_TIMEOUT_MS, pollMs = POLL_MS, what = 'the condition' }: UntilOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = Date.now() + timeoutMs
  let cause: unknown
  for (;;) {
    try {
      const value = await attempt()
      if (value !== undefined && value !== null && value !== false) {
        return value as Exclude<T, undefined | null | false>
      }
      cause = undefined
    } catch (error) {
      cause = error
    }
    if (Date.now() >= deadline) {
      throw new Error(`${what} did not come true within ${timeoutMs} ms`, { cause })
    }
    await delay(pollMs)
  }
}
