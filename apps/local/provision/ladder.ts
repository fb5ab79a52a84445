/**
 * The provisioning ladder: the ways to come by a program, tried in order until one succeeds.
 *
 * Invariants:
 * 1. Nothing is installed on the machine, and nobody needs to be root.
 * 2. Every rung says what it tried, how it ended and how long it took.
 * 3. If all fail, the error says what to install.
 * 4. What the operator names is taken as it is.
 */
import type { Log } from '#runtime/log.ts'

export type Env = Readonly<Record<string, string | undefined>>

export interface ProvisionOptions {
  readonly env: Env
  readonly log: Log
}

export interface Rung {
  readonly name: string
  /** Worth saying before, not only after. */
  readonly downloads?: boolean
  /** The executable's path, or undefined when this way does not apply here. */
  readonly climb: () => Promise<string | undefined>
}

export interface Tool {
  readonly name: string
  /** The environment variable that names one. */
  readonly setting: string
  readonly rungs: readonly Rung[]
  /** What the operator can do when every rung failed. */
  readonly advice: string
}

export class ProvisionError extends Error {
  readonly code = 'PROVISION_FAILED'
  constructor(message: string) {
    super(message)
    this.name = 'ProvisionError'
  }
}

export async function provision(
  { name: tool, setting, rungs, advice }: Tool,
  { env, log }: ProvisionOptions,
): Promise<string> {
  const given = env[setting]
  if (given !== undefined && given !== '') return given
  const failures: string[] = []
  for (const { name: rung, climb, downloads = false } of rungs) {
    const startedAt = performance.now()
    const durationMs = () => Math.round(performance.now() - startedAt)
    if (downloads) log.info('provisioning', { tool, from: rung })
    try {
      const path = await climb()
      if (path !== undefined) {
        log.info('provisioned', { tool, from: rung, path, durationMs: durationMs() })
        return path
      }
      log.debug('provisioning_rung_does_not_apply', { tool, rung, durationMs: durationMs() })
    } catch (error) {
      const reason = (error as Error).message
      failures.push(`${rung}: ${reason}`)
      log.warn('provisioning_rung_failed', { tool, rung, reason, durationMs: durationMs() })
    }
  }
  const tried = failures.length === 0 ? '' : ` (${failures.join('; ')})`
  throw new ProvisionError(`${tool} was not found and could not be brought${tried}. ${advice}`)
}
