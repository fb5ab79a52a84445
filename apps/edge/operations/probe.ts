/**
 * Asks a server whether it is there, by using it.
 *
 * Invariants:
 * 1. A verdict comes within `PROBE_LIMIT_MS`, whether the server answers or not.
 * 2. A question that hangs is not asked again until it settles or `ABANDON_AFTER_MS` is over: a dead
 *    server must not collect our connections.
 */
import type { ComponentStatus } from './schemas.ts'

const PROBE_LIMIT_MS = 700
/** Slower than this is degraded: it works, but nobody will like it. */
const SLOW_MS = 250
export const ABANDON_AFTER_MS = 5_000

export function createProbe(attempt: () => Promise<unknown>): () => Promise<ComponentStatus> {
  let hanging: { readonly verdict: Promise<ComponentStatus>; readonly since: number } | undefined

  const start = () => {
    const since = performance.now()
    const verdict = judge(attempt, since)
    const current = { verdict, since }
    hanging = current
    // `judge` never rejects.
    return verdict.finally(() => {
      if (hanging === current) hanging = undefined
    })
  }
  return () => {
    const asked = hanging !== undefined && performance.now() - hanging.since < ABANDON_AFTER_MS
    return within(PROBE_LIMIT_MS, asked && hanging ? hanging.verdict : start())
  }
}

async function judge(attempt: () => Promise<unknown>, since: number): Promise<ComponentStatus> {
  try {
    await attempt()
  } catch {
    return 'down'
  }
  return performance.now() - since > SLOW_MS ? 'degraded' : 'ok'
}

async function within(ms: number, verdict: Promise<ComponentStatus>): Promise<ComponentStatus> {
  const late = Promise.withResolvers<ComponentStatus>()
  const timer = setTimeout(() => late.resolve('down'), ms)
  try {
    return await Promise.race([verdict, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
