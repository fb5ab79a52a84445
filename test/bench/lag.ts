/**
 * The projection's lag at 1,000 jobs a second: from the moment that an event's message reaches a
 * reader of the stream to the moment that the projector says it is in the read model.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { openBus } from '#events/jetstream/bus.ts'
import { consumeInOrder } from '#events/jetstream/consume.ts'
import { EVENTS } from '#events/streams.ts'
import { filters, signals } from '#events/subjects.ts'
import type { Client } from './client.ts'
import { asyncFunction, untilEnded } from './calls.ts'
import { times } from './scale.ts'
import { summary, type Summary } from './summary.ts'

const PER_SECOND = 1_000
const JOBS = times(8 * PER_SECOND)
const PER_MS = PER_SECOND / 1_000
const TICK_MS = 10

export async function measureLag(client: Client, natsUrl: string): Promise<Summary> {
  await using bus = await openBus({ url: natsUrl, name: 'bench-lag', onStatus: () => undefined })
  const id = await asyncFunction(client, 'lag')
  const { last_seq } = (await bus.jsm.streams.info(EVENTS)).state
  const waiting: { seq: number; at: number }[] = []
  const lags: number[] = []
  let projected = 0
  const settle = () => {
    const now = performance.now()
    while (waiting[0] !== undefined && waiting[0].seq <= projected) {
      lags.push(Math.max(0, now - (waiting.shift()?.at ?? now)))
    }
  }
  bus.nc.subscribe(signals.projected, {
    callback: (_, message) => {
      projected = message.json<{ EVENTS: number }>().EVENTS
      settle()
    },
  })
  const reading = consumeInOrder(bus, {
    stream: EVENTS,
    filter: filters.jobEventsOf(id),
    from: last_seq + 1,
    headersOnly: true,
    maxMessages: 4_000,
    onMessage: ({ seq }) => {
      waiting.push({ seq, at: performance.now() })
      settle()
    },
    onTrouble: () => undefined,
  })
  await offer(client.invokeUrl(id))
  await untilEnded(client, id, JOBS)
  await reading.stop()
  return summary(lags)
}

/** At a fixed rate, whatever the answers do. */
async function offer(url: string): Promise<void> {
  const sent: Promise<unknown>[] = []
  const startedAt = performance.now()
  while (sent.length < JOBS) {
    const due = Math.min(JOBS, Math.floor((performance.now() - startedAt) * PER_MS))
    while (sent.length < due) sent.push(post(url))
    await wait(TICK_MS)
  }
  await Promise.all(sent)
}

async function post(url: string): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: '{"a":1}' })
  await response.arrayBuffer()
  if (response.status !== 202) throw new Error(`${url} answered ${response.status}`)
}
