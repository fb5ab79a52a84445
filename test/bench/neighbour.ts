/** The noisy neighbour: B's latency while A is flooded with 10,000 asynchronous jobs. */
import { ECHO, type Client } from './client.ts'
import { asyncFunction, untilEnded } from './calls.ts'
import type { LoadResult } from './load.ts'
import { load } from './processes.ts'
import { duration, times } from './scale.ts'

const FLOOD = times(10_000)
const WARM_UP_SECONDS = duration(2)
const QUIET_SECONDS = duration(6)
const body = JSON.stringify({ a: 1 })
/** An asynchronous job is waited for to its end. */
const WAIT = { prefer: 'wait=10' }

export interface Neighbour {
  readonly sync: Beside
  readonly async: Beside
}

export interface Beside {
  readonly quiet: LoadResult
  readonly flooded: LoadResult
}

export async function measureNeighbour(client: Client): Promise<Neighbour> {
  const flooded = await asyncFunction(client, 'flooded')
  const sync = await client.register({
    name: 'neighbour-sync',
    runtime: 'nodejs',
    execution_type: 'sync',
    code: ECHO.nodejs,
  })
  const waiting = await asyncFunction(client, 'neighbour-async')
  const flood = () =>
    load({
      url: client.invokeUrl(flooded),
      body,
      connections: 64,
      seconds: 60,
      requests: FLOOD,
    })
  let floods = 0
  const beside = async (id: number, headers: Record<string, string>): Promise<Beside> => {
    const options = { url: client.invokeUrl(id), body, headers, connections: 1 }
    await load({ ...options, seconds: WARM_UP_SECONDS })
    const quiet = await load({ ...options, seconds: QUIET_SECONDS })
    const flooding = flood()
    const during = await load({ ...options, seconds: QUIET_SECONDS })
    await flooding
    await untilEnded(client, flooded, ++floods * FLOOD)
    return { quiet, flooded: during }
  }
  return { sync: await beside(sync, {}), async: await beside(waiting, WAIT) }
}
