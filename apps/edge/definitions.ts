/**
 * The functions as the edge needs them for every invocation, in memory: read from EVENTS at start,
 * kept current from there. How all edges stay in step: `agreement.ts`.
 *
 * Invariant: a definition that no reading can mend (its object is gone, it is no JSON) costs its own
 * function, which is answered as unavailable, and nobody else's.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { functionNotFound } from '#domain/function.ts'
import { Problem } from '#domain/problem.ts'
import type { FunctionEvent, FunctionVersion } from '#events/functions.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { consumeInOrder, type Consumption } from '#events/jetstream/consume.ts'
import { PayloadMissing, type Payloads } from '#events/jetstream/payloads.ts'
import { EVENTS } from '#events/streams.ts'
import { filters, parseFunctionEvent } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import { untilDone } from '#runtime/retry.ts'
import { eventValidator, type ValidateEvent } from './http/event-schema.ts'

export interface Defined extends FunctionVersion {
  /** Where on EVENTS this version stands. */
  readonly seq: number
  /** Checks an event against the function's own schema, if it has one. */
  readonly validateEvent: ValidateEvent | undefined
}

export interface DefinitionsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly log: Log
  readonly signal: AbortSignal
}

export class Definitions implements AsyncDisposable {
  readonly filter = filters.functionEvents
  readonly #options: DefinitionsOptions
  readonly #functions = new Map<number, Defined>()
  /** By owner and name. */
  readonly #named = new Map<string, Map<string, Defined>>()
  readonly #unreadable = new Set<number>()
  readonly #consumption: Consumption
  /** Messages are read one after another, also those that lie in the object store. */
  #reading: Promise<void> = Promise.resolve()
  #position = 0
  #onRead: (position: number) => void = () => undefined

  private constructor(options: DefinitionsOptions) {
    this.#options = options
    this.#consumption = consumeInOrder(options.bus, {
      stream: EVENTS,
      filter: filters.functionEvents,
      from: 1,
      lastPerSubject: true,
      maxMessages: 1_000,
      onMessage: (message) => {
        this.#reading = this.#reading.then(() => this.#read(message))
      },
      onTrouble: options.log.warn,
    })
  }

  /** Resolves when everything that the log holds has been read. */
  static async open(options: DefinitionsOptions): Promise<Definitions> {
    const newest = await options.bus.jsm.streams.getMessage(EVENTS, {
      last_by_subj: filters.functionEvents,
    })
    const definitions = new Definitions(options)
    const end = newest?.seq ?? 0
    if (end > 0) {
      await new Promise<void>((resolve) => {
        definitions.#onRead = (position) => {
          if (position >= end) resolve()
        }
      })
    }
    return definitions
  }

  /** The last sequence of EVENTS that has been read here. */
  get position(): number {
    return this.#position
  }

  get size(): number {
    return this.#functions.size
  }

  /** Tells of each step of `position`. */
  onRead(callback: (position: number) => void): void {
    this.#onRead = callback
  }

  /** The newest version; throws a `Problem` if there is none. */
  get(functionId: number, owner: string): Defined {
    const defined = this.#functions.get(functionId)
    if (defined !== undefined && defined.owner === owner) return defined
    if (!this.#unreadable.has(functionId)) throw functionNotFound(functionId)
    throw new Problem('UNAVAILABLE', `The definition of function ${functionId} cannot be read.`)
  }

  /** The owner's function of this name. */
  named(owner: string, name: string): Defined | undefined {
    return this.#named.get(owner)?.get(name)
  }

  of(owner: string): Iterable<Defined> {
    return this.#named.get(owner)?.values() ?? []
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#consumption.stop()
    await this.#reading
  }

  async #read(message: JsMsg): Promise<void> {
    const { log, signal } = this.#options
    const about = parseFunctionEvent(message.subject)
    if (about?.fact === 'deleted') {
      this.#forget(about.functionId)
      this.#unreadable.delete(about.functionId)
    } else if (about !== undefined) {
      const take = () => this.#take(message, about.functionId)
      try {
        await untilDone(take, { what: 'definition', log, signal })
      } catch (error) {
        if (!signal.aborted) throw error
        return
      }
    }
    this.#position = message.seq
    this.#onRead(message.seq)
  }

  /** Throws what another attempt may mend. */
  async #take(message: JsMsg, functionId: number): Promise<void> {
    const { payloads, log } = this.#options
    let event: FunctionEvent | undefined
    try {
      event = await payloads.open<FunctionEvent>(message)
      this.#define(event, message.seq)
      this.#unreadable.delete(functionId)
    } catch (error) {
      // What was read and makes no definition will make none.
      if (event === undefined && !isBad(error)) throw error
      // An older version in its place would be a lie.
      this.#forget(functionId)
      this.#unreadable.add(functionId)
      log.error('definition_unreadable', { functionId, seq: message.seq, error })
    }
  }

  #define(event: FunctionEvent, seq: number): void {
    if (event.type === 'function.deleted') return
    const { definition, function_id } = event.data
    this.#forget(function_id)
    const defined = definedBy(event.data, seq)
    this.#functions.set(function_id, defined)
    let names = this.#named.get(defined.owner)
    if (names === undefined) this.#named.set(defined.owner, (names = new Map<string, Defined>()))
    names.set(definition.name, defined)
  }

  /** A name may have been given to another function since. */
  #forget(functionId: number): void {
    const known = this.#functions.get(functionId)
    if (known === undefined) return
    this.#functions.delete(functionId)
    const { owner, definition } = known
    const names = this.#named.get(owner)
    if (names?.get(definition.name) === known) names.delete(definition.name)
    if (names?.size === 0) this.#named.delete(owner)
  }
}

export function definedBy(version: FunctionVersion, seq: number): Defined {
  const params = version.definition.schema?.params
  const validateEvent = params === undefined ? undefined : eventValidator(params, 'schema.params')
  return { ...version, seq, validateEvent }
}

/** Not there, or no JSON. */
const isBad = (error: unknown) => error instanceof PayloadMissing || error instanceof SyntaxError
