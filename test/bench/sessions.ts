/**
 * Executions of sessions beside plain calls, in one run: retained, from the cache, thawed; and what
 * idle retained sessions cost in memory. By itself: `node test/bench/sessions.ts`; `SESSIONS=1000`
 * keeps so many idle.
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
const IDLE = Number(process.env['SESSIONS'] ?? times(20))
const RUNTIMES = ['nodejs', 'python'] as const

interface Costs {
  readonly http: Summary
  readonly plain: Summary
  readonly retained: Summary
  readonly cached: Summary
  readonly paced: Summary
  readonly thawed: Summary
  /** Of each idle session, in MiB. */
  readonly pssMb: number
}

async function measure(runtime: (typeof RUNTIMES)[number]): Promise<Costs> {
  const env = { ...LAMBDA_ENV, EXECUTOR_SESSIONS: '2000' }
  await using platform = await startPlatform({ env })
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
  return { http, plain, retained, cached, paced, thawed, pssMb }
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

for (const runtime of RUNTIMES) {
  const { http, plain, retained, cached, paced, thawed, pssMb } = await measure(runtime)
  const ms = (value: number) => `${value.toFixed(2)} ms`
  process.stdout.write(
    `${runtime}, p50: bare HTTP answer ${ms(http.p50)}, plain call ${ms(plain.p50)}, ` +
      `retained execute ${ms(retained.p50)} (${(retained.p50 / plain.p50).toFixed(2)} ×, aim 1), ` +
      `cached ${ms(cached.p50)} (${ms(cached.p50 - http.p50)} over HTTP, aim 1 ms), ` +
      `thaw ${ms(thawed.p50 - paced.p50)} over ${ms(paced.p50)} (aim 1 ms), ` +
      `${IDLE} idle sessions: ${pssMb.toFixed(1)} MiB each\n`,
  )
}
