/**
 * A process's connection to the log: connected, its streams made sure of, released at the end.
 * After a reconnection the streams are made sure of again, since CALLS lives in the server's memory.
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { openBus, type Bus } from '#events/jetstream/bus.ts'
import { ensureStreams } from '#events/jetstream/ensure.ts'
import { openPayloads, type Payloads } from '#events/jetstream/payloads.ts'
import { required } from './config.ts'
import type { Main } from './main.ts'
import { announcePresence, type PresenceState } from './presence.ts'
import { untilDone } from './retry.ts'
import { serveMetrics } from './telemetry-gather.ts'
import { createTelemetry, type Telemetry } from './telemetry.ts'

export interface Connection {
  readonly bus: Bus
  readonly payloads: Payloads
  /** Unique among the processes of this name. */
  readonly instance: string
  readonly telemetry: Telemetry
  /** Says to the others that this process serves, until it stops. */
  readonly announce: (state?: () => PresenceState) => void
}

export async function connectBus(name: string, main: Main): Promise<Connection> {
  const { config, log, signal, stack, fail } = main
  const bus = await openBus({
    url: required(config, 'natsUrl'),
    name,
    onStatus: (status) => {
      if (status === 'closed' && !signal.aborted) fail(new Error('the connection to NATS closed'))
      else log.info('nats', { status })
    },
  })
  stack.use(bus)
  const { maxStreamBytes: maxBytes, eventTtlDays } = config
  const ensure = () => ensureStreams(bus.jsm, { maxBytes })
  await untilDone(ensure, { what: 'streams', log, signal })
  bus.onReconnect(() => {
    untilDone(ensure, { what: 'streams', log, signal }).catch((error: unknown) => {
      if (!signal.aborted) fail(error)
    })
  })
  const payloads = await untilDone(() => openPayloads(bus.nc, { maxBytes, eventTtlDays }), {
    what: 'payloads',
    log,
    signal,
  })
  // Containers may share a name, and each of them has its process 1.
  const instance = `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`
  const telemetry = stack.use(createTelemetry({ process: name, instance }))
  stack.use(serveMetrics(bus, telemetry))
  return {
    bus,
    payloads,
    instance,
    telemetry,
    announce: (state) => {
      stack.use(announcePresence(bus, { process: name, instance, ...(state && { state }) }))
    },
  }
}
