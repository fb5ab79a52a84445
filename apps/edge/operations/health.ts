/**
 * GET /health: is the platform well, part by part. One body for the two documents that want it.
 *
 * Invariants:
 * 1. Real probes: JetStream, Postgres and Redis are used, processes are those heard of late.
 * 2. It answers within a second, and asks the servers at most about four times a second.
 * 3. Only `controller`, `postgres` and `nats` being down make it 503; what is not configured is
 *    `disabled` and harms nobody.
 */
import type { Bus } from '#events/jetstream/bus.ts'
import type { PresenceWatch } from '#runtime/presence.ts'
import { VERSION } from '../version.ts'
import { viewExecutors } from './executors.ts'
import { createProbe } from './probe.ts'
import type { ComponentStatus, Health as Report } from './schemas.ts'
import { sharedAnswer } from './shared-answer.ts'

const FRESH_MS = 250

export interface HealthDeps {
  readonly bus: Pick<Bus, 'jsm' | 'disconnected'>
  /** Runs `select 1`. */
  readonly probeDatabase: () => Promise<unknown>
  /** Undefined: none is configured. */
  readonly probeRedis?: (() => Promise<unknown>) | undefined
  readonly presence: PresenceWatch
  /** Whose document spells a healthy `status` as `ok`. */
  readonly lambdaHosts?: readonly string[]
}

export interface HealthAnswer {
  readonly status: 200 | 503
  readonly body: Report
}

/** `host` is the request's, without its port. */
export type Health = (host?: string) => Promise<HealthAnswer>

export function createHealth(deps: HealthDeps): Health {
  const { bus, presence, lambdaHosts = [] } = deps
  const probeNats = createProbe(() =>
    // The client would hold the question until the server is back.
    bus.disconnected ? Promise.reject(new Error('disconnected')) : bus.jsm.getAccountInfo(),
  )
  const probePostgres = createProbe(deps.probeDatabase)
  const probeRedis = deps.probeRedis === undefined ? disabled : createProbe(deps.probeRedis)

  const examine = sharedAnswer(FRESH_MS, async () => {
    const [nats, postgres, redis] = await Promise.all([probeNats(), probePostgres(), probeRedis()])
    const processes = count(presence)
    const { sandbox, runtimes } = viewExecutors(presence.list('executor'))
    const controller = controllerStatus(processes)
    const down = [controller, postgres, nats].includes('down')
    const components = { controller, redis, postgres, nats, runtimes }
    return { down, timestamp: new Date().toISOString(), components, sandbox, processes }
  })

  return async (host = '') => {
    const { down, ...report } = await examine()
    if (down) {
      const error = 'Service unavailable'
      return { status: 503, body: { status: 'unhealthy', error, version: VERSION, ...report } }
    }
    const status = lambdaHosts.includes(host.toLowerCase()) ? 'ok' : 'healthy'
    return { status: 200, body: { status, version: VERSION, ...report } }
  }
}

const disabled = (): Promise<ComponentStatus> => Promise.resolve('disabled')

/** The pipeline behind the edge: who decides and who projects; without executors nothing runs. */
function controllerStatus(processes: Readonly<Record<string, number>>): ComponentStatus {
  if (!processes['handler'] || !processes['projector']) return 'down'
  return processes['executor'] ? 'ok' : 'degraded'
}

function count(presence: PresenceWatch): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { process } of presence.list()) counts[process] = (counts[process] ?? 0) + 1
  return counts
}
