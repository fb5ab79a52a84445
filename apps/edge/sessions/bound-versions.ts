/**
 * The versions of functions that sessions are bound to: mostly the newest, which is in memory; an
 * older one is read by its place on EVENTS. A version never changes, so what was read once stays
 * true; the least recently used ones are forgotten when they take too much memory.
 *
 * Invariant: how many runs of a function there may be is no version's own; the newest says it for all.
 */
import { functionNotFound } from '#domain/function.ts'
import { Problem } from '#domain/problem.ts'
import type { FunctionRegistered, FunctionUpdated } from '#events/functions.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import type { SessionData } from '#events/sessions.ts'
import { RecentlyUsed } from '#runtime/recently-used.ts'
import { definedBy, type Defined, type Definitions } from '../knowledge/definitions.ts'

const KEPT_CHARACTERS = 32 * 1024 ** 2

export interface BoundVersionsOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly definitions: Definitions
}

export class BoundVersions {
  readonly #options: BoundVersionsOptions
  /** By the place of their definitions. */
  readonly #kept = new RecentlyUsed<Defined>(
    KEPT_CHARACTERS,
    ({ definition }) => definition.code.length,
  )

  constructor(options: BoundVersionsOptions) {
    this.#options = options
  }

  /** Throws a `Problem` if the function does not live any more. */
  of(session: SessionData): Defined | Promise<Defined> {
    const { function_id, owner, definition_seq: seq } = session
    const newest = this.#options.definitions.get(function_id, owner)
    if (newest.seq === seq) return newest
    const known = this.#kept.get(seq)
    if (known === undefined) {
      return this.#read(function_id, seq).then((read) => limitedAs(newest, read))
    }
    return limitedAs(newest, known)
  }

  async #read(functionId: number, seq: number): Promise<Defined> {
    const { bus, payloads } = this.#options
    let recorded
    try {
      recorded = await readEvent<FunctionRegistered | FunctionUpdated>(bus, payloads, { seq })
    } catch (cause) {
      const message = "The session's version of the function cannot be read."
      throw new Problem('UNAVAILABLE', message, undefined, { cause })
    }
    if (recorded === undefined) throw functionNotFound(functionId)
    const defined = definedBy(recorded.event.data, seq)
    this.#kept.keep(seq, defined)
    return defined
  }
}

function limitedAs(
  { definition: { concurrency, max_queue_depth } }: Defined,
  bound: Defined,
): Defined {
  const own = { ...bound.definition }
  delete own.concurrency
  delete own.max_queue_depth
  const definition = {
    ...own,
    ...(concurrency !== undefined && { concurrency }),
    ...(max_queue_depth !== undefined && { max_queue_depth }),
  }
  return { ...bound, definition }
}
