/** Of our own beside the functions API: why a job waits, ran, failed, or came from the cache. */
import { Problem } from '#domain/problem.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import type { PresenceWatch } from '#runtime/presence.ts'
import { functionMetrics } from '#projections/function-metrics.ts'
import { findVersion } from '#projections/function-versions.ts'
import { findJob, type JobRow } from '#projections/job-queries.ts'
import { explanationOf } from '../../explain/explanation.ts'
import { readJobEvents } from '../../explain/job-events.ts'
import { findWaiting } from '../../explain/waiting.ts'
import type { Router } from '../../http/exchange.ts'
import type { Queries } from '../../queries.ts'
import { success } from './dialect.ts'
import type { Explanation } from './job-schemas.ts'
import { idOf, staleness } from './functions.ts'
import { jobNotFound } from '../../jobs/job-commands.ts'

export interface ExplainRoutesOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly presence: PresenceWatch
  readonly queries: Queries
  /** Of functions that do not say. */
  readonly concurrency: number
}

export function explainRoutes(router: Router, options: ExplainRoutesOptions): void {
  const { bus, payloads, presence, queries, concurrency } = options

  const waitingOf = async ({ id, function_id, runtime, owner }: JobRow) => {
    const { value } = await queries.ask((db) => functionMetrics(db, owner, function_id))
    const runMs = value.avg_duration_ms
    return findWaiting(bus, presence, { id, function_id, runtime, runMs })
  }

  router.on('GET /jobs/:id/explain', async (exchange) => {
    const { owner } = exchange.principal
    const id = idOf(exchange, 'id')
    const { value: row, fresh } = await queries.require(
      (db) => findJob(db, owner, id),
      () => jobNotFound(id),
    )
    const { function_id, function_version } = row
    const [version, told, waiting] = await Promise.all([
      queries.ask((db) => findVersion(db, owner, function_id, function_version)),
      inReach(readJobEvents(bus, payloads, row)),
      row.status === 'pending' ? inReach(waitingOf(row)) : undefined,
    ])
    const definition = version.value?.definition
    const explanation = explanationOf({ row, definition, told, waiting, concurrency })
    return success<Explanation>(200, explanation, staleness(fresh))
  })
}

async function inReach<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    throw new Problem('UNAVAILABLE', 'The log is out of reach.', undefined, { cause })
  }
}
