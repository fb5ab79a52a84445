/** What the projector shows of itself at each scrape. */
import type { Telemetry } from '#runtime/telemetry.ts'
import type { Projector } from './projector.ts'

export function observe(telemetry: Telemetry, projector: Projector): void {
  telemetry.gauge('projection_lag_messages', 'Messages not yet in the read models', () => {
    const { role, lag } = projector.stats()
    if (role !== 'leader') return []
    return [
      { value: lag.events, labels: { stream: 'EVENTS' } },
      { value: lag.commands, labels: { stream: 'COMMANDS' } },
    ]
  })
  telemetry.gauge('projection_leader', '1 if this projector leads', () => [
    { value: projector.stats().role === 'leader' ? 1 : 0 },
  ])
  telemetry.gauge('projection_waiting_messages', 'Messages read and not yet applied', () => [
    { value: projector.stats().waiting },
  ])
  telemetry.gauge('projection_batch_messages', 'Messages in the last batch', () => [
    { value: projector.stats().lastBatch.size },
  ])
  telemetry.gauge('projection_batch_duration_seconds', 'Time of the last batch', () => [
    { value: projector.stats().lastBatch.durationMs / 1_000 },
  ])
}
