/**
 * The functions as the edge needs them for every invocation, in memory (`followed.ts`).
 *
 * Invariant: a definition that no reading can mend (its object is gone, it is no JSON) costs its own
 * function, which is answered as unavailable, and nobody else's.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { functionNotFound } from '#domain/function.ts'
import { Problem } from '#domain/problem.ts'
import type { FunctionEvent, FunctionVersion } from '#events/functions.ts'
import { isUnreadable, type Payloads } from '#events/jetstream/payloads.ts'
import { filters, parseFunctionEvent } from '#events/subjects.ts'
import type { Log } from '#runtime/log.ts'
import type { ByHeart } from './followed.ts'
import { eventValidator, type ValidateEvent } from '../http/event-schema.ts'

export interface Defined extends FunctionVersion {
  /** Where on EVENTS this version stands. */
  readonly seq: number
  /** Checks an event against the function's own schema, if it has one. */
  readonly validateEvent: ValidateEvent | undefined
}

export interface DefinitionsOptions {
  readonly payloads: Payloads
  readonly log: Log
}

export class Definitions implements ByHeart {
  readonly filter = filters.functionEvents
  readonly #options: DefinitionsOptions
  readonly #functions = new Map<number, Defined>()
  /** By owner and name. */
  readonly #named = new Map<string, Map<string, Defined>>()
  readonly #unreadable = new Set<number>()

  constructor(options: DefinitionsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#functions.size
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

  async take(message: JsMsg): Promise<void> {
    const { payloads, log } = this.#options
    const about = parseFunctionEvent(message.subject)
    if (about === undefined) return
    const { functionId } = about
    if (about.fact === 'deleted') {
      this.#forget(functionId)
      this.#unreadable.delete(functionId)
      return
    }
    let event: FunctionEvent | undefined
    try {
      event = await payloads.open<FunctionEvent>(message)
      this.#define(event, message.seq)
      this.#unreadable.delete(functionId)
    } catch (error) {
      // What was read and makes no definition will make none.
      if (event === undefined && !isUnreadable(error)) throw error
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
