/**
 * The floors: what each step costs by itself on this machine, in this run, on the very servers that
 * the platform uses.
 *
 * Twice: in a tight loop, where everything is hot and awake, and with a pause between, as the steps
 * of one call see it, where each wakes processors and processes that have gone to sleep.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Client } from 'pg'
import { RetentionPolicy, StorageType } from '@nats-io/jetstream'
import { openBus, type Bus } from '#events/jetstream/bus.ts'
import { startEcho } from '#sandbox/echo.ts'
import type { SandboxOptions } from '#sandbox/options.ts'
import { load, startBareHttp } from './processes.ts'
import { duration, times } from './scale.ts'
import { summary, timed } from './summary.ts'

const TIMES = times(1_000)
const SPAWNS = times(100)
const HTTP_SECONDS = duration(3)
const PAYLOAD = 'x'.repeat(512)
const ACK = { timeoutMs: 5_000 }
const ROWS = 500
/** About what lies between two uses of one step in a stream of single calls. */
const PAUSE_MS = 1
const body = JSON.stringify({ a: 1 })

/** The p50 of each step of a call, in milliseconds. */
export interface Steps {
  readonly http: number
  readonly memoryPublish: number
  readonly fsyncedPublish: number
  readonly nodejsEcho: number
  readonly pythonEcho: number
  readonly rustEcho: number
}

export interface Floors {
  readonly tight: Steps
  readonly paced: Steps
  readonly http64PerSecond: number
  readonly spawnP50: number
  readonly insertRowsPerSecond: number
}

export interface FloorsOptions {
  readonly natsUrl: string
  readonly databaseUrl: string
  readonly sandbox: SandboxOptions
}

export async function measureFloors(options: FloorsOptions): Promise<Floors> {
  await using bus = await openBus({
    url: options.natsUrl,
    name: 'bench',
    onStatus: () => undefined,
  })
  await using server = await startBareHttp()
  const steps = (pauseMs: number) => measureSteps(bus, server.url, options.sandbox, pauseMs)
  const many = await load({ url: server.url, body, connections: 64, seconds: HTTP_SECONDS })
  return {
    tight: await steps(0),
    paced: await steps(PAUSE_MS),
    http64PerSecond: many.perSecond,
    spawnP50: (await timed(SPAWNS, spawnOnce)).p50,
    insertRowsPerSecond: await insertBatches(options.databaseUrl),
  }
}

async function measureSteps(
  bus: Bus,
  url: string,
  sandbox: SandboxOptions,
  pauseMs: number,
): Promise<Steps> {
  const http = await load({ url, body, connections: 1, seconds: HTTP_SECONDS, pauseMs })
  return {
    http: http.p50,
    memoryPublish: await publish(bus, StorageType.Memory, pauseMs),
    fsyncedPublish: await publish(bus, StorageType.File, pauseMs),
    nodejsEcho: await echo(sandbox, 'nodejs', pauseMs),
    pythonEcho: await echo(sandbox, 'python', pauseMs),
    rustEcho: await echo(sandbox, 'rust', pauseMs),
  }
}

async function publish({ jsm, rpc }: Bus, storage: StorageType, pauseMs: number): Promise<number> {
  const name = `BENCH-${storage}`
  const subject = `bench.${storage}`
  const retention = RetentionPolicy.Limits
  await jsm.streams.add({
    name,
    subjects: [subject],
    storage,
    retention,
    max_bytes: 64 * 1024 ** 2,
  })
  const { p50 } = await timed(TIMES, () => rpc.request(subject, PAYLOAD, ACK), pauseMs)
  await jsm.streams.delete(name)
  return p50
}

async function echo(
  sandbox: SandboxOptions,
  runtime: 'nodejs' | 'python' | 'rust',
  pauseMs: number,
): Promise<number> {
  await using process = await startEcho(sandbox, runtime)
  return (await timed(TIMES, () => process.roundTrip(body), pauseMs)).p50
}

/** From the call of `spawn` to the child's first byte. */
async function spawnOnce(): Promise<void> {
  const child = spawn('/bin/echo', ['1'], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

/** One prepared statement of 500 rows through `unnest`, as the projections insert. */
async function insertBatches(connectionString: string): Promise<number> {
  const client = new Client({ connectionString })
  await client.connect()
  await client.query('create table bench_floor (id bigint primary key, body json)')
  const values: number[] = []
  for (let batch = 0; batch < 40; batch++) {
    const ids = Array.from({ length: ROWS }, (_, index) => batch * ROWS + index)
    const startedAt = performance.now()
    await client.query({
      name: 'floor',
      text: 'insert into bench_floor select * from unnest($1::bigint[], $2::json[])',
      values: [ids, ids.map(() => JSON.stringify({ body: PAYLOAD }))],
    })
    values.push(performance.now() - startedAt)
  }
  await client.query('drop table bench_floor')
  await client.end()
  return (ROWS * 1_000) / summary(values).p50
}
