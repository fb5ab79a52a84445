/** Ours: calls and accepted jobs, cold and warm. */
import { setTimeout as wait } from 'node:timers/promises'
import { ECHO, type Client } from './client.ts'
import type { LoadResult } from './load.ts'
import { load } from './processes.ts'
import { duration, times } from './scale.ts'
import { summary, timed, type Summary } from './summary.ts'

const SECONDS = duration(5)
const COLD_FUNCTIONS = times(20)
const FLOOD = times(10_000)
const LOOK_EVERY_MS = 50
/** The pool of spares is full again by then. */
const REFILL_MS = 400
const body = JSON.stringify({ a: 1 })

type Runtime = 'python' | 'nodejs' | 'rust'
export type ByConnections = Readonly<Record<number, LoadResult>>

export interface Calls {
  readonly sync: Readonly<Record<Runtime, ByConnections>>
  readonly async: ByConnections
  readonly cold: Readonly<Record<Runtime, Cold>>
  readonly donePerSecond: number
}

export interface Cold {
  readonly first: Summary
  readonly second: Summary
}

export async function measureCalls(client: Client): Promise<Calls> {
  return {
    cold: {
      python: await cold(client, 'python'),
      nodejs: await cold(client, 'nodejs'),
      rust: await cold(client, 'rust'),
    },
    sync: {
      python: await warm(client, 'python'),
      nodejs: await warm(client, 'nodejs'),
      rust: await warm(client, 'rust'),
    },
    async: await accepted(client),
    donePerSecond: await done(client),
  }
}

/** The first call of functions that nobody has called yet, and a later one, both after a rest. */
async function cold(client: Client, runtime: Runtime): Promise<Cold> {
  const first: number[] = []
  const second: number[] = []
  for (let index = 0; index < COLD_FUNCTIONS; index++) {
    const name = `cold-${runtime}-${index}`
    const id = await client.register({ name, runtime, execution_type: 'sync', code: ECHO[runtime] })
    for (const values of [first, second]) {
      // Before both: a machine that has been at rest answers later, whoever asks.
      await wait(REFILL_MS)
      const startedAt = performance.now()
      await client.invoke(id)
      values.push(performance.now() - startedAt)
    }
  }
  return { first: summary(first), second: summary(second) }
}

async function warm(client: Client, runtime: Runtime): Promise<ByConnections> {
  const name = `warm-${runtime}`
  const id = await client.register({ name, runtime, execution_type: 'sync', code: ECHO[runtime] })
  await timed(50, () => client.invoke(id))
  const url = client.invokeUrl(id)
  const results: Record<number, LoadResult> = {}
  for (const connections of [1, 8, 32, 64, 128]) {
    results[connections] = await load({ url, body, connections, seconds: SECONDS })
  }
  return results
}

async function accepted(client: Client): Promise<ByConnections> {
  const results: Record<number, LoadResult> = {}
  for (const connections of [1, 8, 32, 64]) {
    const id = await asyncFunction(client, `accepted-${connections}`)
    const url = client.invokeUrl(id)
    const result = await load({ url, body, connections, seconds: SECONDS, requests: FLOOD })
    results[connections] = result
    await untilEnded(client, id, result.count)
  }
  return results
}

/** From the first acceptance to the last end, both under way at once. */
async function done(client: Client): Promise<number> {
  const id = await asyncFunction(client, 'done')
  const url = client.invokeUrl(id)
  const startedAt = performance.now()
  await load({ url, body, connections: 64, seconds: 60, requests: FLOOD })
  await untilEnded(client, id, FLOOD)
  return (FLOOD * 1_000) / (performance.now() - startedAt)
}

export function asyncFunction(client: Client, name: string): Promise<number> {
  const code = ECHO.nodejs
  return client.register({ name, runtime: 'nodejs', execution_type: 'async', code })
}

export async function untilEnded(client: Client, id: number, count: number): Promise<void> {
  while ((await client.ended(id)) < count) await wait(LOOK_EVERY_MS)
}
