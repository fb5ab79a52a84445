/**
 * The handler: decides commands and ticks, fires what is due, keeps the functions' durables, and ends
 * overdue jobs.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { Appender } from '#events/jetstream/append.ts'
import { consumeDurable } from '#events/jetstream/consume.ts'
import { openIds } from '#events/jetstream/ids.ts'
import { Later } from '#events/jetstream/later.ts'
import { ensureStreams } from '#events/jetstream/ensure.ts'
import { COMMANDS, handlerDurable } from '#events/streams.ts'
import { sortInChunks } from '#projections/chunk-index.ts'
import { forgetLapsed } from '#projections/optimizations.ts'
import { openDatabase } from '#projections/database.ts'
import { connectBus } from '#runtime/bus.ts'
import { required } from '#runtime/config.ts'
import type { Log } from '#runtime/log.ts'
import { runMain, type Main } from '#runtime/main.ts'
import { watchPresence } from '#runtime/presence.ts'
import { ReadModel } from '#runtime/read-model.ts'
import { untilDone } from '#runtime/retry.ts'
import { ensureAdmin } from './admin.ts'
import { Analyses } from './analyses.ts'
import { analysisCommands } from './analysis-commands.ts'
import { apiKeyCommands } from './api-key-commands.ts'
import { createDurables } from './durables.ts'
import { createCommands, SOURCE } from './commands.ts'
import { functionCommands } from './function-commands.ts'
import { createJobEnds } from './job-ends.ts'
import { jobCommands } from './job-commands.ts'
import { createFunctionStore } from './function-store.ts'
import { sessionCommands } from './session-commands.ts'
import { createSourceCheck } from './source-check.ts'
import { createReclaim } from './reclaim.ts'
import { createHasEnded } from './job-end-seen.ts'
import { optimizationCommands } from './optimization-commands.ts'
import { ScheduleBook } from './schedule-book.ts'
import { Scheduler } from './scheduler.ts'
import { Sweeper } from './sweeper.ts'
import { userCommands } from './user-commands.ts'

const APPEND_FOR_MS = 30_000
const SWEEP_EVERY_MS = 5_000
const KEEP_EVERY_MS = 60_000
const RECLAIM_EVERY_MS = 2_000
const SORT_IN_EVERY_MS = 5_000
const FORGET_EVERY_MS = 3_600_000
const MS_PER_DAY = 86_400_000

await runMain('handler', serve)

async function serve(main: Main): Promise<void> {
  const { config, log, signal, stack } = main
  const { bus, payloads, announce } = await connectBus('handler', main)
  const url = required(config, 'databaseUrl')
  const { db } = stack.use(openDatabase({ url, name: 'handler', poolSize: 4 }))
  const appender = new Appender(bus.rpc, { giveUpAfterMs: APPEND_FOR_MS })
  const store = createFunctionStore(bus, payloads, appender)
  const durables = createDurables({ bus, store, concurrency: config.functionConcurrency, log })
  const presence = stack.use(watchPresence(bus))
  const endJob = createJobEnds({ payloads, appender, ttlDays: config.eventTtlDays })
  const users = userCommands({ bus, payloads, appender })
  const aggregates = {
    user: users,
    key: apiKeyCommands({ bus, payloads, appender }),
    job: jobCommands({ db, endJob }),
    function: functionCommands({
      store,
      checkSource: createSourceCheck(bus, payloads, presence),
      ensureDurable: durables.ensure,
    }),
    session: sessionCommands({ bus, payloads, appender, ttlDays: config.eventTtlDays }),
    analysis: analysisCommands({
      ...{ bus, payloads, appender, db, ttlDays: config.eventTtlDays },
      analyses: stack.use(new Analyses()),
      readModel: stack.use(new ReadModel(bus)),
    }),
    optimization: optimizationCommands({ payloads, appender }),
  }
  const handle = createCommands({ bus, payloads, appender, aggregates, log })
  // Before anything is reclaimed: a command whose function has no durable would seem to be done.
  await untilDone(() => durables.keep(Date.now()), { what: 'durables', log, signal })
  const { adminPassword: password } = config
  if (password !== undefined) {
    const admin = () => ensureAdmin({ bus, payloads, users, password, log })
    await untilDone(admin, { what: 'admin', log, signal })
  }
  const inProgress = new Set<Promise<void>>()
  const commands = consumeDurable(bus, {
    stream: COMMANDS,
    durable: handlerDurable,
    maxMessages: 64,
    onMessage: (message) => {
      const handling = handle(message).finally(() => inProgress.delete(handling))
      inProgress.add(handling)
    },
    onTrouble: log.warn,
    ensure: () => ensureStreams(bus.jsm, { maxBytes: config.maxStreamBytes }),
  })
  stack.defer(async () => {
    await commands.stop()
    await Promise.all(inProgress)
  })
  stack.use(
    new Later({
      bus,
      payloads,
      appender,
      source: SOURCE,
      prepare: ({ data }) => durables.revive(data.function_id, data.runtime),
      onFired: ({ data, correlationid: correlationId }) => {
        const { job_id: jobId, function_id: functionId, attempt } = data
        log.debug('job_due', { jobId, functionId, attempt, correlationId })
      },
      onTrouble: log.warn,
    }),
  )
  const book = stack.use(new ScheduleBook({ bus, payloads, log, signal }))
  const scheduler = new Scheduler({
    ...{ bus, payloads, appender, book, log },
    jobIds: await untilDone(() => openIds(bus.nc, 'job'), { what: 'ids', log, signal }),
    hasEnded: createHasEnded(bus, db, log),
    ttlDays: config.eventTtlDays,
  })
  const sweeper = new Sweeper({ db, bus, endJob, log })
  const reclaim = createReclaim(bus, db)
  const oldest = () => new Date(Date.now() - config.eventTtlDays * MS_PER_DAY)
  const chores = [
    scheduler.run(signal),
    every(SWEEP_EVERY_MS, 'sweep', () => sweeper.sweep(Date.now()), log, signal),
    every(RECLAIM_EVERY_MS, 'reclaim', () => reclaim(Date.now()), log, signal),
    every(SORT_IN_EVERY_MS, 'sort_in_chunks', () => sortInChunks(db), log, signal),
    every(FORGET_EVERY_MS, 'forget_lapsed', () => forgetLapsed(db, oldest()), log, signal),
    every(KEEP_EVERY_MS, 'keep_durables', () => durables.keep(Date.now()), log, signal),
  ]
  stack.defer(async () => {
    await Promise.all(chores)
  })
  announce()
  log.announce('ready')
}

/** A chore that fails is said and tried again at its next turn. */
async function every(
  ms: number,
  what: string,
  chore: () => Promise<unknown>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await wait(ms, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    try {
      await chore()
    } catch (error) {
      log.warn('chore_failed', { what, error })
    }
  }
}
