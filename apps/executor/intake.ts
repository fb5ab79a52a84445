/**
 * Everything that this executor claims: calls of its runtimes, and the run commands of every
 * function of its runtimes through that function's own durable.
 *
 * Invariants:
 * 1. A durable is made by the handler before the function's first event; it is only read here.
 * 2. A durable that is new is found by its function's event at once, and by a look at the server's
 *    list every `LIST_EVERY_MS` in any case.
 * 3. An executor that lacks a runtime leaves alone what the others can run: a durable says which
 *    runtime its function has. What was accepted for another one before an update is claimed, and
 *    handed back.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { JsMsg } from '@nats-io/jetstream'
import type { Runtime } from '#events/functions.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import {
  consumeDurable,
  consumeExisting,
  consumeInOrder,
  type Consumption,
} from '#events/jetstream/consume.ts'
import {
  callsDurable,
  CALLS,
  COMMANDS,
  EVENTS,
  functionDurableName,
  functionOfDurable,
  runtimeOfDurable,
} from '#events/streams.ts'
import { filters, parseFunctionEvent } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import { untilDone } from '#runtime/retry.ts'

const LIST_EVERY_MS = 30_000
/** What lacks a runtime learns by the list that a function has changed its own. */
const LIST_OFTEN_MS = 2_000

export interface IntakeOptions {
  readonly bus: Bus
  readonly runtimes: ReadonlySet<Runtime>
  /** There are runtimes that this executor cannot run. */
  readonly lacksSome: boolean
  /** Claims of one function, or calls of one runtime, that may wait in this process. */
  readonly perConsumer: number
  readonly onCall: (message: JsMsg) => void
  readonly onCommand: (message: JsMsg, functionId: number) => void
  readonly ensureStreams: () => Promise<void>
  readonly log: Log
  readonly signal: AbortSignal
}

export class Intake {
  readonly #options: IntakeOptions
  readonly #functions = new Map<number, Consumption>()
  readonly #others: Consumption[] = []
  readonly #stopping = new AbortController()
  #listing: Promise<void> = Promise.resolve()

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** Resolves when every function that exists is being listened to. */
  async start(): Promise<void> {
    const { bus, runtimes, lacksSome, perConsumer, onCall, log, signal } = this.#options
    const { ensureStreams } = this.#options
    if (runtimes.size === 0) return
    const onTrouble = log.warn
    // The list will tell.
    const onMissing = (error: unknown) => log.debug('durable_not_found', { error })
    for (const runtime of runtimes) {
      this.#others.push(
        consumeDurable(bus, {
          stream: CALLS,
          durable: callsDurable(runtime),
          maxMessages: perConsumer,
          onMessage: onCall,
          onTrouble,
          ensure: ensureStreams,
        }),
      )
    }
    const { state } = await untilDone(() => bus.jsm.streams.info(EVENTS), {
      what: 'events',
      log,
      signal,
    })
    this.#others.push(
      consumeInOrder(bus, {
        stream: EVENTS,
        filter: filters.functionEvents,
        from: state.last_seq + 1,
        headersOnly: true,
        maxMessages: 1_000,
        onMessage: ({ subject }) => {
          const event = parseFunctionEvent(subject)
          if (event?.fact !== 'registered') return
          if (lacksSome) this.#listenIfOurs(event.functionId).catch(onMissing)
          else this.#listen(event.functionId)
        },
        onTrouble,
      }),
    )
    await untilDone(() => this.#list(), { what: 'durables', log, signal })
    this.#listing = this.#keepListing()
  }

  /** No message is handed over any more once this resolves. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#listing
    const all = [...this.#others, ...this.#functions.values()]
    await Promise.all(all.map((consumption) => consumption.stop()))
  }

  get functions(): number {
    return this.#functions.size
  }

  /** Which runtime a function has, its durable says. */
  async #listenIfOurs(functionId: number): Promise<void> {
    const { bus, runtimes } = this.#options
    const { config } = await bus.jsm.consumers.info(COMMANDS, functionDurableName(functionId))
    const runtime = runtimeOfDurable(config)
    if (runtime === undefined || runtimes.has(runtime)) this.#listen(functionId)
  }

  #listen(functionId: number): void {
    if (this.#functions.has(functionId) || this.#stopping.signal.aborted) return
    const { bus, perConsumer, onCommand, log } = this.#options
    const consumption = consumeExisting(bus, {
      stream: COMMANDS,
      name: functionDurableName(functionId),
      maxMessages: perConsumer,
      onMessage: (message) => onCommand(message, functionId),
      onTrouble: log.warn,
      onGone: () => this.#functions.delete(functionId),
    })
    this.#functions.set(functionId, consumption)
  }

  async #list(): Promise<void> {
    const { bus, runtimes } = this.#options
    for await (const { name, config } of bus.jsm.consumers.list(COMMANDS)) {
      const functionId = functionOfDurable(name)
      const runtime = runtimeOfDurable(config)
      if (functionId === undefined || (runtime !== undefined && !runtimes.has(runtime))) continue
      this.#listen(functionId)
    }
  }

  async #keepListing(): Promise<void> {
    const { signal } = this.#stopping
    const everyMs = this.#options.lacksSome ? LIST_OFTEN_MS : LIST_EVERY_MS
    while (!signal.aborted) {
      await wait(everyMs, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      try {
        await this.#list()
      } catch (error) {
        this.#options.log.warn('durables_not_listed', { error })
      }
    }
  }
}
