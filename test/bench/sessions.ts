/**
 * Executions of sessions beside plain calls, on one platform: retained, from the cache, thawed; and
 * what idle retained sessions cost in memory. `BENCH_SESSIONS=1000` keeps so many idle.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { fetchJson } from '#test/support/fetch-json.ts'
import { startPlatform } from '#test/support/platform.ts'
import { interpreterStates } from '#test/sandbox/support.ts'
import { KEYED, LAMBDA_ENV, LambdaApi, NO_CACHE, RETAINED } from '#test/e2e/lambda-api.ts'
import { Client, ECHO } from './client.ts'
import { times } from './scale.ts'
import { timed, type Summary } from './summary.ts'

const CALLS = times(2_000)
const THAWS = times(100)
/** An idle process is frozen by then. */
const FROZEN_AFTER_MS = 120
const IDLE = Number(process.env['BENCH_SESSIONS'] ?? times(20))

export interface SessionCosts {
  /** An answer to what meets no route. */
  readonly http: Summary
  readonly plain: Summary
  readonly retained: Summary
  readonly cached: Summary
  readonly paced: Summary
  readonly thawed: Summary
  readonly idle: number
  /** Of each idle session, in MiB. */
  readonly pssMb: number
}

export type SessionRuntime = 'nodejs' | 'python'

export async function measureSessions(): Promise<Record<SessionRuntime, SessionCosts>> {
  const nodejs = await measure('nodejs')
  return { nodejs, python: await measure('python') }
}

async function measure(runtime: SessionRuntime): Promise<SessionCosts> {
  const env = { ...LAMBDA_ENV, EXECUTOR_SESSIONS: '2000' }
  await using platform = await startPlatform({ env, heardMax: 0 })
  const client = new Client(platform.url)
  const api = new LambdaApi(platform.url, KEYED)
  const title = `${runtime}-echo`
  const spec = { name: 'echo', runtime, execution_type: 'sync', code: ECHO[runtime] } as const
  const id = await client.register(spec)
  const { request_id } = await api.initialize(title, RETAINED)
  const execute = () => api.executed(request_id, { a: 1 }, NO_CACHE)
  const http = await timed(CALLS, () => fetchJson(`${platform.url}/nothing`, { json: { a: 1 } }))
  const plain = await timed(CALLS, () => client.invoke(id))
  const retained = await timed(CALLS, execute)
  await api.executed(request_id, { a: 1 })
  const cached = await timed(CALLS, () => api.executed(request_id, { a: 1 }))
  // As long a pause as a thaw takes, before processes that have not been frozen meanwhile.
  const paced = await timed(THAWS, execute, 25)
  const thawed = await timed(THAWS, execute, FROZEN_AFTER_MS)
  const before = await restingPss()
  for (let n = 0; n < IDLE; n++) {
    const session = await api.initialize(title, RETAINED)
    await api.executed(session.request_id, { a: n }, NO_CACHE)
  }
  const pssMb = ((await restingPss()) - before) / IDLE / 1_024
  return { http, plain, retained, cached, paced, thawed, idle: IDLE, pssMb }
}

/** Of all interpreters, in KiB, when the spares are full again. */
async function restingPss(): Promise<number> {
  await wait(1_000)
  let sum = 0
  for (const pid of interpreterStates().keys()) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    sum += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0)
  }
  return sum
}
