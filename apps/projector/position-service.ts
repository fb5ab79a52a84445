/**
 * Tells everybody how far the read models have come: each time they have, every second, and whoever
 * asks.
 */
import type { NatsConnection } from '@nats-io/nats-core'
import type { COMMANDS, EVENTS } from '#events/streams.ts'
import { signals } from '#events/subjects.ts'
import type { Position } from '#projections/checkpoint.ts'

const ANNOUNCE_EVERY_MS = 1_000

/** Everything up to these stream sequences is in the read models. */
export interface Projected {
  readonly [EVENTS]: number
  readonly [COMMANDS]: number
}

export interface PositionService {
  announce(): void
  stop(): void
}

export interface PositionServiceOptions {
  readonly position: () => Position
  /** Also every second: a chance to look whether the position lags behind what is gone. */
  readonly onAsked: () => void
}

export function servePosition(
  nc: NatsConnection,
  { position, onAsked }: PositionServiceOptions,
): PositionService {
  const text = () => {
    const { events, commands } = position()
    return JSON.stringify({ EVENTS: events, COMMANDS: commands } satisfies Projected)
  }
  const announce = () => {
    if (!nc.isClosed() && !nc.isDraining()) nc.publish(signals.projected, text())
  }
  const subscription = nc.subscribe(signals.whereProjected, {
    callback: (error, message) => {
      if (error !== null) return
      message.respond(text())
      announce()
      onAsked()
    },
  })
  const every = setInterval(() => {
    announce()
    onAsked()
  }, ANNOUNCE_EVERY_MS)
  return {
    announce,
    stop() {
      clearInterval(every)
      if (!nc.isClosed()) subscription.unsubscribe()
    },
  }
}
