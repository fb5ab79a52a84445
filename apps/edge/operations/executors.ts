/** What the executors say of their sandboxes, as one view of all of them. */
import type { Presence } from '#runtime/presence.ts'
import { SANDBOX_LEVELS, type ComponentStatus, type Health } from './schemas.ts'

type Runtime = keyof Health['components']['runtimes']

export interface ExecutorsView {
  readonly sandbox: Health['sandbox']
  readonly runtimes: Health['components']['runtimes']
}

/** The part of the sandbox's statistics that we read; it came over the wire. */
interface Said {
  readonly level?: unknown
  readonly reason?: unknown
  readonly runtimes?: Readonly<
    Record<string, { readonly ok?: unknown; readonly reason?: unknown } | undefined>
  >
}

/** An executor announces `{ sandbox: <its sandbox's statistics> }`. */
export function viewExecutors(executors: readonly Presence[]): ExecutorsView {
  const said = executors.map(({ state }) => (state['sandbox'] ?? {}) as Said)
  const runtimes = {
    nodejs: runtimeStatus(said, 'nodejs'),
    python: runtimeStatus(said, 'python'),
    rust: runtimeStatus(said, 'rust'),
  }
  const reasons = unusable(said)
  const sandbox = weakest(said)
  return { sandbox: reasons === undefined ? sandbox : { ...sandbox, runtimes: reasons }, runtimes }
}

/** A chain is as strong as its weakest link: code may run on any executor. */
function weakest(said: readonly Said[]): ExecutorsView['sandbox'] {
  if (said.length === 0) return { level: 'unavailable', reason: 'no executor is running' }
  const ranks = said.map(({ level }) => SANDBOX_LEVELS.findIndex((known) => known === level))
  const lowest = Math.max(0, Math.min(...ranks))
  const level = SANDBOX_LEVELS[lowest] ?? 'unavailable'
  const reason = said.find((one) => one.level === level)?.reason
  return typeof reason === 'string' ? { level, reason } : { level }
}

function unusable(said: readonly Said[]): ExecutorsView['sandbox']['runtimes'] {
  const reasons = said.flatMap(({ runtimes }) =>
    Object.entries(runtimes ?? {}).flatMap(([name, state]) =>
      state?.ok === false && typeof state.reason === 'string' ? [[name, state.reason]] : [],
    ),
  )
  return reasons.length === 0 ? undefined : (Object.fromEntries(reasons) as Record<Runtime, string>)
}

function runtimeStatus(said: readonly Said[], runtime: Runtime): ComponentStatus {
  // Executors of an older version do not know it: not configured, which is not the same as broken.
  const offered = said.some(({ runtimes }) => runtimes?.[runtime] !== undefined)
  if (!offered && runtime === 'rust') return 'disabled'
  const usable = said.filter(
    ({ level, runtimes }) => level !== 'unavailable' && runtimes?.[runtime]?.ok === true,
  ).length
  if (usable === 0) return 'down'
  return usable === said.length ? 'ok' : 'degraded'
}
