/** How long to wait before the next attempt: doubling, bounded, spread so that parts do not march. */

const FIRST_MS = 50
const HIGHEST_MS = 5_000
const SPREAD = 0.5

/** `chance` is from 0 to 1: the delay lies between half of the step and all of it. */
export function backoffMs(failures: number, chance = Math.random()): number {
  const step = Math.min(FIRST_MS * 2 ** failures, HIGHEST_MS)
  return Math.round(step * (1 - SPREAD * chance))
}
