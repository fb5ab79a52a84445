/** GET /metrics: the text of every process, and what waits in the log, as one exposition. */
import type { Bus } from '#events/jetstream/bus.ts'
import type { PresenceWatch } from '#runtime/presence.ts'
import { gatherMetrics } from '#runtime/telemetry-gather.ts'
import type { Telemetry } from '#runtime/telemetry.ts'
import { readQueues, type Projected } from './queues.ts'
import { sharedAnswer } from './shared-answer.ts'

/** A scrape costs every process a rendering. */
const FRESH_MS = 1_000

export interface MetricsDeps {
  readonly bus: Bus
  readonly telemetry: Telemetry
  readonly presence: PresenceWatch
  readonly projected: Projected
}

export function createMetrics({ bus, telemetry, presence, projected }: MetricsDeps) {
  return sharedAnswer(FRESH_MS, () =>
    gatherMetrics(bus, telemetry, presence, readQueues(bus, projected)),
  )
}
