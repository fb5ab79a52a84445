/** The table that `npm run bench` prints: floors, ours, and what ours is in terms of its floors. */
import type { Calls, ByConnections } from './calls.ts'
import type { ChunkCosts } from './chunks.ts'
import type { EventCosts } from './events.ts'
import type { Floors, Steps } from './floors.ts'
import type { LimiterCosts } from './limiter.ts'
import type { Neighbour } from './neighbour.ts'
import type { SessionCosts, SessionRuntime } from './sessions.ts'
import type { Summary } from './summary.ts'

export interface Results {
  readonly machine: string
  readonly floors: Floors
  readonly calls: Calls
  readonly neighbour: Neighbour
  readonly lag: Summary
  readonly limiter: LimiterCosts
  readonly rebuildPerSecond: number
  readonly restartMs: number
  readonly sessions: Readonly<Record<SessionRuntime, SessionCosts>>
  readonly events: EventCosts
  readonly chunks: ChunkCosts
  readonly memoryMb: Readonly<Record<string, number>>
}

type Runtime = 'nodejs' | 'python' | 'rust'
type Row = readonly [what: string, value: string]

const ms = (value: number | undefined) => `${(value ?? NaN).toFixed(2)} ms`
const rate = (value: number | undefined) => `${Math.round(value ?? NaN).toLocaleString('en')}/s`
const ratio = (value: number) => `${value.toFixed(2)} ×`

export function report(results: Results): string {
  const { floors, calls, neighbour, lag, limiter } = results
  return [
    `Sluice bench · ${results.machine}`,
    table('Floors: p50 in a tight loop / with a pause of 1 ms between', [
      both('HTTP round trip, bare node:http', floors, 'http'),
      both('publish to memory', floors, 'memoryPublish'),
      both('publish with fsync', floors, 'fsyncedPublish'),
      both('echo in the sandbox, nodejs', floors, 'nodejsEcho'),
      both('echo in the sandbox, python', floors, 'pythonEcho'),
      both('echo in the sandbox, rust', floors, 'rustEcho'),
      ['HTTP at 64 connections, bare node:http', rate(floors.http64PerSecond)],
      ['bare spawn to the first byte, p50', ms(floors.spawnP50)],
      ['Postgres, 500 rows a statement', rate(floors.insertRowsPerSecond)],
    ]),
    table('Calls: p50 / p99, throughput', [
      ...connections('sync nodejs', calls.sync.nodejs),
      ...connections('sync python', calls.sync.python),
      ...connections('sync rust', calls.sync.rust),
      ...connections('async accepted', calls.async),
      ['accepted and done', rate(calls.donePerSecond)],
      ['first call of a function, nodejs, p50', ms(calls.cold.nodejs.first.p50)],
      ['first call of a function, python, p50', ms(calls.cold.python.first.p50)],
      ['first call of a function, rust, p50', ms(calls.cold.rust.first.p50)],
    ]),
    table('A decision of the rate limiter: p50 / p99', [
      decision('in this process (aim 0.1 ms)', limiter.inProcess),
      decision('shared through Redis (aim 0.5 ms)', limiter.withRedis),
    ]),
    table('Sessions: p50', [
      ...sessions('nodejs', results.sessions.nodejs),
      ...sessions('python', results.sessions.python),
    ]),
    table('Live events', events(results.events)),
    table('Chunks, with their durable command and event: p50 / p99', chunks(results.chunks)),
    table('Upkeep', [
      ['projection lag at 1,000 jobs/s, p50 / p99', `${ms(lag.p50)} / ${ms(lag.p99)}`],
      ['rebuild', `${rate(results.rebuildPerSecond)} events`],
      ['restart on existing data', ms(results.restartMs)],
      ...Object.entries(results.memoryMb).map(([name, mb]): Row => [
        `memory at rest, ${name}`,
        `${mb.toFixed(0)} MiB`,
      ]),
    ]),
    table('Ratios: over the tight floors / over the paced ones', ratios(floors, calls, neighbour)),
  ].join('\n')
}

function ratios(floors: Floors, calls: Calls, { sync, async }: Neighbour): Row[] {
  const { tight, paced, spawnP50 } = floors
  const call = (runtime: Runtime): Row => {
    const p50 = calls.sync[runtime][1]?.p50 ?? NaN
    const over = (steps: Steps) => ratio(p50 / callFloor(steps, runtime))
    return [`warm sync ${runtime} p50 / its floors (aim 1.6)`, `${over(tight)} / ${over(paced)}`]
  }
  const accept = (steps: Steps) =>
    ratio((calls.async[1]?.p50 ?? NaN) / (steps.fsyncedPublish + steps.http))
  const cold = (runtime: Runtime): Row => {
    const { first, second } = calls.cold[runtime]
    return [
      `first ${runtime} call over the second, in bare spawns (aim 1)`,
      ratio((first.p50 - second.p50) / spawnP50),
    ]
  }
  return [
    call('nodejs'),
    call('python'),
    call('rust'),
    [
      'async accept p50 / (fsynced publish + HTTP) (aim 1.5)',
      `${accept(tight)} / ${accept(paced)}`,
    ],
    cold('nodejs'),
    cold('python'),
    cold('rust'),
    [
      'noisy neighbour, sync p99 flooded / quiet (aim 3)',
      `${ratio(sync.flooded.p99 / sync.quiet.p99)}  (${ms(sync.quiet.p99)} → ${ms(sync.flooded.p99)})`,
    ],
    [
      'noisy neighbour, async p99 flooded / quiet (aim 3)',
      `${ratio(async.flooded.p99 / async.quiet.p99)}  (${ms(async.quiet.p99)} → ${ms(async.flooded.p99)})`,
    ],
  ]
}

function callFloor(steps: Steps, runtime: Runtime): number {
  return steps.http + steps.memoryPublish + steps.fsyncedPublish + steps[`${runtime}Echo`]
}

function sessions(runtime: SessionRuntime, costs: SessionCosts): Row[] {
  const { http, plain, retained, cached, paced, thawed, idle, pssMb } = costs
  const over = ratio(retained.p50 / plain.p50)
  return [
    [
      `${runtime}, retained / plain call (aim 1)`,
      `${over}  (${ms(plain.p50)} → ${ms(retained.p50)})`,
    ],
    [`${runtime}, from the cache, over an HTTP answer (aim 1 ms)`, ms(cached.p50 - http.p50)],
    [`${runtime}, thaw (aim 1 ms)`, ms(thawed.p50 - paced.p50)],
    [`${runtime}, memory of each of ${idle} idle ones`, `${pssMb.toFixed(1)} MiB`],
  ]
}

function events({ seen, readers, shownPerSecond, idle, idleKb }: EventCosts): Row[] {
  return [
    latency('from the answer of a call to its event at a reader', seen),
    [`events shown to ${readers} readers together`, rate(shownPerSecond)],
    [`memory of each of ${idle} idle readers`, `${idleKb.toFixed(1)} KiB`],
  ]
}

function chunks(costs: ChunkCosts): Row[] {
  const { join, naive, joinOfFew } = costs
  return [
    latency('one chunk (aim 5 ms)', costs.chunk),
    latency('document of 10 (aim 8 ms)', costs.documentOf10),
    latency('batch of 100 (aim 15 ms)', costs.batchOf100),
    latency('the same batch again', costs.batchOf100Again),
    latency('document of 10,000 (aim 3,000 ms)', costs.documentOf10000),
    ['single analyses, c=32 (aim 300/s)', rate(costs.perSecondAt32)],
    ['join of 100,000 (aim 1,000 ms)', ms(join.joinMs)],
    ['its memory, with the sets (aim 512 MiB)', `${join.memoryMb.toFixed(0)} MiB`],
    ['loop over all pairs / join, of 1,000', ratio(naive.joinMs / joinOfFew.joinMs)],
  ]
}

const latency = (what: string, { p50, p99 }: Summary): Row => [what, `${ms(p50)} / ${ms(p99)}`]

function decision(what: string, { p50, p99 }: Summary): Row {
  return [what, `${p50.toFixed(4)} / ${p99.toFixed(4)} ms`]
}

function both(what: string, { tight, paced }: Floors, step: keyof Steps): Row {
  return [what, `${ms(tight[step])} / ${ms(paced[step])}`]
}

function connections(what: string, results: ByConnections): Row[] {
  return Object.entries(results).map(([count, { p50, p99, perSecond, failures }]) => [
    `${what}, c=${count}`,
    `${ms(p50)} / ${ms(p99)}, ${rate(perSecond)}${failures > 0 ? `, ${failures} failed` : ''}`,
  ])
}

function table(title: string, rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([what]) => what.length))
  return [`\n${title}`, ...rows.map(([what, value]) => `  ${what.padEnd(width)}  ${value}`)].join(
    '\n',
  )
}
