import { setTimeout as pause } from 'node:timers/promises'

/** What a list of measurements comes to; all in the unit of the list. */
export interface Summary {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export function summary(values: readonly number[]): Summary {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  const [p50 = NaN, p99 = NaN, max = NaN] = [at(0.5), at(0.99), sorted.at(-1)]
  return { count: sorted.length, p50, p99, max }
}

/**
 * Measures `action` again and again, one after the other with `pauseMs` between, in milliseconds.
 */
export async function timed(
  times: number,
  action: (index: number) => Promise<unknown>,
  pauseMs = 0,
): Promise<Summary> {
  const values: number[] = []
  const warmUp = Math.ceil(times / 10)
  for (let index = 0; index < times + warmUp; index++) {
    if (pauseMs > 0) await pause(pauseMs)
    const startedAt = performance.now()
    await action(index)
    if (index >= warmUp) values.push(performance.now() - startedAt)
  }
  return summary(values)
}
