/**
 * The executor: claims calls and run commands, runs them in the sandbox, says what came of them.
 * Start as many as there are machines; they share the same durables.
 */
import { join } from 'node:path'
import { Appender } from '#events/jetstream/append.ts'
import { consumeDurable } from '#events/jetstream/consume.ts'
import { ensureStreams } from '#events/jetstream/ensure.ts'
import { SESSION_HEADER } from '#events/replies.ts'
import { CALLS, COMMANDS, sessionCallsDurable } from '#events/streams.ts'
import { runMain, type Main } from '#runtime/main.ts'
import { untilDone } from '#runtime/retry.ts'
import { connectBus } from '#runtime/bus.ts'
import { createSandbox } from '#sandbox/sandbox.ts'
import { Cancellations } from './cancellations.ts'
import { settleCheck } from './checks.ts'
import { Definitions } from './definitions.ts'
import { FairQueue, type Work } from './fair-queue.ts'
import { createHistory } from './history.ts'
import { Intake } from './intake.ts'
import { Leases } from './lease.ts'
import { Outcomes } from './outcomes.ts'
import { RetainedSessions } from './retained-sessions.ts'
import { Runs } from './runs.ts'
import { SessionLines } from './session-lines.ts'
import type { JsMsg } from '@nats-io/jetstream'
import type { Runtime } from '#events/functions.ts'

const APPEND_FOR_MS = 600_000
/**
 * Runs in flight get so long to finish when the process is asked to stop; then they are returned.
 * The launcher leaves at least a second more, and who else stops us surely does too.
 */
const FINISH_WITHIN_MS = 4_000
const HAND_BACK_AFTER_MS = 50
/** Functions that all sleep may hold so many times the slots. */
const CEILING_FACTOR = 8
const RUNTIMES: readonly Runtime[] = ['python', 'nodejs', 'rust']

interface Claimed extends Work {
  readonly message: JsMsg
  /** Of a retained session. */
  readonly session?: string
}

await runMain('executor', serve)

async function serve(main: Main): Promise<void> {
  const { config, log, signal, stack } = main
  const connection = await connectBus('executor', main)
  const { bus, payloads, telemetry, instance } = connection
  const { eventTtlDays: ttlDays } = config

  const sandbox = createSandbox({
    cacheDir: join(config.home, 'sandbox'),
    onEvent: (what, fields) => log.info(`sandbox_${what}`, { sandbox: fields }),
    ...(config.bwrapPath !== undefined && { bwrapPath: config.bwrapPath }),
    ...(config.pythonPath !== undefined && { pythonPath: config.pythonPath }),
    ...(config.rustcPath !== undefined && { rustcPath: config.rustcPath }),
  })
  stack.defer(() => sandbox.close())
  await sandbox.start()
  const runtimes = new Set(RUNTIMES.filter((runtime) => sandbox.stats().runtimes[runtime].ok))

  const leases = stack.use(new Leases(bus))
  const appender = new Appender(bus.rpc, { giveUpAfterMs: APPEND_FOR_MS })
  const cancellations = stack.use(new Cancellations({ bus, log }))
  const sessions = new RetainedSessions({ bus, payloads, sandbox, appender, ttlDays, log })
  const runs = new Runs({
    payloads,
    sandbox,
    sessions,
    runtimes,
    leases,
    appender,
    log,
    signal,
    definitions: new Definitions(bus, payloads),
    history: createHistory(bus),
    cancellations,
    outcomes: new Outcomes({
      bus,
      payloads,
      appender,
      signal,
      ttlDays,
      onFull: () => log.error('event_log_full'),
    }),
    runsTotal: telemetry.counter('sluice_runs', 'Runs by runtime and outcome.'),
  })

  const slots = config.executorConcurrency
  const queue = new FairQueue<Claimed>({
    slots,
    perKey: Math.max(1, Math.floor(slots / 2)),
    ceiling: slots * CEILING_FACTOR,
    start: async ({ message, session }, free) => {
      await runs.settle(message, free)
      const next = session === undefined ? undefined : lines.next(session)
      if (next !== undefined) queue.push(next)
    },
  })
  const lines = new SessionLines<Claimed>()
  const claim = (message: JsMsg, functionId: number, from: typeof CALLS | typeof COMMANDS) => {
    leases.hold(message, from)
    queue.push({ key: functionId, message })
  }
  const makeStreams = () => ensureStreams(bus.jsm, { maxBytes: config.maxStreamBytes })
  const claimOfSession = (message: JsMsg) => {
    const [functionId, session = ''] = (message.headers?.get(SESSION_HEADER) ?? '').split('/')
    leases.hold(message, CALLS)
    const claimed = { key: Number(functionId), message, session }
    if (lines.enter(session, claimed)) queue.push(claimed)
  }
  const intake = new Intake({
    bus,
    log,
    signal,
    runtimes,
    lacksSome: runtimes.size < RUNTIMES.length,
    perConsumer: 256,
    ensureStreams: makeStreams,
    onCommand: (message, functionId) => claim(message, functionId, COMMANDS),
    onCall: (message) => {
      const target = message.subject.slice(message.subject.lastIndexOf('.') + 1)
      if (target !== 'check') {
        claim(message, Number(target), CALLS)
        return
      }
      leases.hold(message, CALLS)
      settleCheck(message, { bus, payloads, sandbox, leases, log }).catch(main.fail)
    },
  })
  await untilDone(() => cancellations.start(), { what: 'cancellations', log, signal })
  await untilDone(() => sessions.start(), { what: 'sessions', log, signal })
  await intake.start()
  const sessionCalls = consumeDurable(bus, {
    stream: CALLS,
    durable: sessionCallsDurable(instance),
    maxMessages: 256,
    onMessage: claimOfSession,
    onTrouble: log.warn,
    ensure: makeStreams,
  })
  stack.defer(async () => {
    await Promise.all([intake.stop(), sessionCalls.stop()])
    for (const { message } of [...lines.clear(), ...queue.clear()]) {
      leases.handBack(message, HAND_BACK_AFTER_MS)
    }
    await Promise.race([queue.idle(), expiry(FINISH_WITHIN_MS)])
    log.info('drained', { unfinished: queue.running })
    await sandbox.close()
    await queue.idle()
    await sessions[Symbol.asyncDispose]()
  })

  const waiting = () => [{ value: queue.waiting }]
  telemetry.gauge('sluice_runs_waiting', 'Claimed runs that wait for a slot.', waiting)
  telemetry.gauge('sluice_runs_in_flight', 'Runs in flight.', () => [{ value: queue.running }])
  telemetry.gauge('sluice_sandbox_processes', 'Sandboxed processes by state.', () => {
    const { spares, busy, idle, pinned } = sandbox.stats()
    return Object.entries({ spares, busy, idle, pinned }).map(([state, value]) => ({
      value,
      labels: { state },
    }))
  })
  telemetry.gauge('sluice_sessions_retained', 'Sessions with a process here.', () => [
    { value: sessions.count },
  ])
  const { executorSessions } = config
  connection.announce(() => ({ sandbox: sandbox.stats(), sessions_max: executorSessions }))
  const { level: sandboxLevel, reason } = sandbox.stats()
  log.announce('ready', { slots, sandboxLevel, reason, functions: intake.functions })
}

function expiry(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
