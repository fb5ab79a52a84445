/**
 * A log and a database for tests of the read side, and short words for what happens on them.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import { Appender, type Append } from '#events/jetstream/append.ts'
import { openBus, type Bus } from '#events/jetstream/bus.ts'
import { ensureStreams } from '#events/jetstream/ensure.ts'
import { openPayloads, type Payloads } from '#events/jetstream/payloads.ts'
import { envelope, type Envelope } from '#events/envelope.ts'
import { openDatabase, type Db } from '#projections/database.ts'
import { createLog } from '#runtime/log.ts'
import { signals } from '#events/subjects.ts'
import { migrate } from '#projections/migrate.ts'
import { Projector } from '../../apps/projector/projector.ts'
import { startNats, type TestNats } from '../support/nats.ts'
import { createDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const MAX_STREAM_BYTES = 512 * 1024 ** 2

export interface Log extends AsyncDisposable {
  readonly nats: TestNats
  readonly bus: Bus
  readonly payloads: Payloads
  /** Appends in this order; resolves when all are stored. */
  say(messages: readonly Said[]): Promise<void>
  lastSeq(stream: string): Promise<number>
}

export interface Said {
  readonly subject: string
  readonly message: Envelope
  /** The server's dedupe id; something else than the message's own lets a repeat through. */
  readonly id?: string
}

export interface World extends Log {
  readonly database: TestDatabase
  readonly db: Db
  /** Runs a projector in this process until its scope ends. */
  project(): RunningProjector
  /** Resolves when everything that is on the log now is in the read models. */
  projected(): Promise<void>
}

export interface RunningProjector extends AsyncDisposable {
  readonly projector: Projector
  readonly ended: Promise<void>
}

export async function openLog(nats: TestNats): Promise<Log> {
  const bus = await openBus({ url: nats.url, name: 'test', onStatus: () => undefined })
  await ensureStreams(bus.jsm, { maxBytes: MAX_STREAM_BYTES })
  const options = { maxBytes: MAX_STREAM_BYTES, eventTtlDays: 30 }
  const payloads = await openPayloads(bus.nc, options)
  const appender = new Appender(bus.rpc, { giveUpAfterMs: 20_000 })
  return {
    nats,
    bus,
    payloads,
    async say(messages) {
      const appends: Append[] = []
      for (const { subject, message, id } of messages) {
        const sealed = await payloads.seal(message, 'as-long-as-the-log')
        appends.push({ subject, id: id ?? message.id, ...sealed })
      }
      // In batches, because singles in flight may overtake each other.
      for (let start = 0; start < appends.length; start += 500) {
        const batch = appends.slice(start, start + 500)
        try {
          await appender.appendAtomically(batch)
        } catch {
          for (const append of batch) await appender.append(append)
        }
      }
    },
    lastSeq: async (stream) => (await bus.jsm.streams.info(stream)).state.last_seq,
    [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose](),
  }
}

/** On `given`, or on a database of its own that goes with it. */
export async function openWorld(given?: TestDatabase): Promise<World> {
  await using opening = new AsyncDisposableStack()
  const nats = opening.use(await startNats())
  const log = opening.use(await openLog(nats))
  const database = given ?? opening.use(await createDatabase())
  const { db } = opening.use(openDatabase({ url: database.url, name: 'test', poolSize: 4 }))
  await migrate(db)
  const owned = opening.move()
  return {
    ...log,
    database,
    db,
    project: () => project(log, database.url),
    projected: () => projected(log, db),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** A world for each size of a batch, and for all at once, in which all that was said is projected. */
export async function* toldInBatches(said: readonly Said[], sizes: readonly number[]) {
  for (const size of [...sizes, said.length]) {
    await using owned = new AsyncDisposableStack()
    const world = owned.use(await openWorld())
    owned.use(world.project())
    for (let at = 0; at < said.length; at += size) {
      await world.say(said.slice(at, at + size))
      await world.projected()
    }
    yield [world, size] as const
  }
}

function project({ bus, payloads }: Log, databaseUrl: string): RunningProjector {
  const stopping = new AbortController()
  const { signal } = stopping
  const log = createLog({ process: 'projector', level: 'error', write: () => undefined })
  const projector = new Projector({ bus, payloads, databaseUrl, log, signal })
  const ended = projector.run()
  ended.catch(() => undefined)
  return {
    projector,
    ended,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await ended.catch(() => undefined)
    },
  }
}

async function projected(log: Log, db: Db): Promise<void> {
  const { bus } = log
  const [events, commands] = await Promise.all([log.lastSeq('EVENTS'), log.lastSeq('COMMANDS')])
  const arrived = async () => {
    bus.nc.publish(signals.whereProjected)
    const { events_seq, commands_seq } = await db
      .selectFrom('checkpoint')
      .select(['events_seq', 'commands_seq'])
      .executeTakeFirstOrThrow()
    return events_seq >= events && commands_seq >= commands
  }
  await until(arrived, { what: 'the read models' })
}

export const TABLES = [
  'functions',
  'function_versions',
  'jobs',
  'function_metrics',
  'sessions',
  'session_executions',
  'users',
  'api_keys',
  'optimizations',
  'settlements',
  'document_reports',
  'chunk_index',
] as const

/** Every row of every table, as text. */
export async function allRows(db: Db): Promise<Record<string, readonly string[]>> {
  const tables: Record<string, readonly string[]> = {}
  for (const table of TABLES) {
    const { rows } = await sql<{ row: string }>`
      select t::text as row from ${sql.table(table)} t`.execute(db)
    tables[table] = rows.map(({ row }) => row).toSorted()
  }
  return tables
}

// ── what happens ────────────────────────────────────────────────────────────────────────────────

export const OWNER = 'local'
export const AT = '2026-03-01T12:00:00.000Z'

export const said = <Type extends string, Data>(
  id: string,
  type: Type,
  subject: string,
  data: Data,
): Envelope<Type, Data> =>
  envelope({ source: 'test', time: AT, cause: { correlationid: id } }, { id, type, subject, data })

// ── processes ───────────────────────────────────────────────────────────────────────────────────

export interface ProjectorProcess extends AsyncDisposable {
  readonly child: ChildProcess
  /** Resolves with the fields of its first log line of that event. */
  logged(event: string): Promise<Record<string, unknown>>
  kill(signal: NodeJS.Signals): Promise<number | null>
}

export function startProcess(
  file: string,
  nats: string,
  database: string,
  args: readonly string[] = [],
): ProjectorProcess {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, NATS_URL: nats, DATABASE_URL: database },
  })
  const lines: Record<string, unknown>[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(JSON.parse(line) as Record<string, unknown>)
  })
  const exited = once(child, 'exit')
  const kill = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    await exited
    return child.exitCode
  }
  return {
    child,
    kill,
    logged: (event) =>
      until(() => lines.find((line) => line.event === event), {
        what: `the log line ${event}`,
      }).catch((error: unknown) => {
        throw new Error(`the process said only ${JSON.stringify(lines)}`, { cause: error })
      }),
    [Symbol.asyncDispose]: async () => void (await kill('SIGKILL')),
  }
}

/** Makes all read models anew; resolves with what the process then told. */
export async function rebuild({ nats, database }: World): Promise<Record<string, unknown>> {
  await using running = startProcess('apps/projector/rebuild.ts', nats.url, database.url)
  const result = await running.logged('rebuilt')
  await running.logged('stopped')
  return result
}
