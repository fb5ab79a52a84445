/**
 * Live events: how soon a reader sees what happened, how many a second a hundred readers are shown,
 * and what a reader costs who waits.
 */
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { until } from '#test/support/until.ts'
import { startPlatform } from '#test/support/platform.ts'
import { asyncFunction } from './calls.ts'
import { Client, ECHO } from './client.ts'
import { times } from './scale.ts'
import { summary, type Summary } from './summary.ts'

const SEEN = times(1_000)
const READERS = times(100)
const FLOOD = times(5_000)
const FLOOD_AT_ONCE = 64
const IDLE = times(2_000)
const TIMEOUT_MS = 120_000

export interface EventCosts {
  /** From the answer of a synchronous call to its event at a reader, in milliseconds. */
  readonly seen: Summary
  readonly readers: number
  /** Shown to all of them together. */
  readonly shownPerSecond: number
  readonly idle: number
  readonly idleKb: number
}

export async function measureEvents(): Promise<EventCosts> {
  await using platform = await startPlatform({ env: { RATE_LIMITS: 'off' }, heardMax: 0 })
  const { url } = platform
  const client = new Client(url)
  const rssKb = async () => {
    const status = await readFile(`/proc/${platform.processes['edge']}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1])
  }

  const before = await rssKb()
  const waiting = await Promise.all(
    Array.from({ length: IDLE }, () => follow(url, () => undefined)),
  )
  const idleKb = ((await rssKb()) - before) / IDLE
  for (const hangUp of waiting) hangUp()

  const spec = { runtime: 'nodejs', execution_type: 'sync', code: ECHO.nodejs } as const
  const called = await client.register({ name: 'seen', ...spec })
  const delays: number[] = []
  let seenAt = Promise.withResolvers<number>()
  const stop = await follow(
    url,
    () => seenAt.resolve(performance.now()),
    `?key=${called}&type=job.*`,
  )
  for (let n = 0; n < SEEN; n++) {
    seenAt = Promise.withResolvers()
    await client.invoke(called)
    const answeredAt = performance.now()
    delays.push(Math.max(0, (await seenAt.promise) - answeredAt))
  }
  stop()

  const flooded = await asyncFunction(client, 'shown')
  let shown = 0
  const query = `?key=${flooded}&type=job.succeeded`
  const all = Array.from({ length: READERS }, () =>
    follow(url, (events) => (shown += events), query),
  )
  const readers = await Promise.all(all)
  const startedAt = performance.now()
  let sent = 0
  const send = async () => {
    while (sent++ < FLOOD) await client.invoke(flooded)
  }
  await Promise.all(Array.from({ length: FLOOD_AT_ONCE }, send))
  await until(() => shown >= FLOOD * READERS, { timeoutMs: TIMEOUT_MS })
  const shownPerSecond = (shown * 1_000) / (performance.now() - startedAt)
  for (const hangUp of readers) hangUp()
  return {
    ...{ seen: summary(delays), readers: READERS, shownPerSecond, idle: IDLE, idleKb },
  }
}

/** Resolves when the stream has begun, with what hangs up. */
function follow(url: string, onEvents: (events: number) => void, query = ''): Promise<() => void> {
  const headers = { accept: 'text/event-stream' }
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/api/v1/events${query}`, { headers, agent: false })
    asked.once('error', reject)
    asked.once('response', (response) => {
      response.on('error', () => undefined)
      response.once('data', () => {
        response.on('data', (piece: Buffer) => {
          const events = piece.toString('latin1').split('\nevent: ').length - 1
          if (events > 0) onEvents(events)
        })
        resolve(() => asked.destroy())
      })
    })
    asked.end()
  })
}
