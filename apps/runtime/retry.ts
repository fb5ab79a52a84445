/**
 * Tries again until it works or the process is asked to stop; says each failure. What a server
 * refuses for good is not tried again: whoever starts us shall hear of it.
 */
import { isPermanent } from '#events/jetstream/api-errors.ts'
import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from './log.ts'

const FIRST_MS = 100
const MAX_MS = 2_000

export interface RetryOptions {
  readonly what: string
  readonly log: Log
  readonly signal: AbortSignal
}

export async function untilDone<T>(action: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { what, log, signal } = options
  for (let delay = FIRST_MS; ; delay = Math.min(2 * delay, MAX_MS)) {
    signal.throwIfAborted()
    try {
      return await action()
    } catch (error) {
      if (isPermanent(error)) throw error
      log.warn('retrying', { what, delayMs: delay, error })
      await wait(delay, undefined, { signal })
    }
  }
}
