/**
 * Definitions by their place on EVENTS. A version never changes, so what was read once stays true;
 * the least recently used ones are forgotten when they take too much memory.
 */
import type { FunctionRegistered, FunctionUpdated, FunctionVersion } from '#events/functions.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import { EVENTS } from '#events/streams.ts'
import { RecentlyUsed } from '#runtime/recently-used.ts'

const KEPT_CHARACTERS = 64 * 1024 ** 2

export class DefinitionMissing extends Error {
  readonly code = 'DEFINITION_MISSING'
  constructor(seq: number) {
    super(`no definition at sequence ${seq} of ${EVENTS}`)
    this.name = 'DefinitionMissing'
  }
}

export class Definitions {
  readonly #bus: Bus
  readonly #payloads: Payloads
  readonly #kept = new RecentlyUsed<FunctionVersion>(
    KEPT_CHARACTERS,
    ({ definition }) => definition.code.length,
  )

  constructor(bus: Bus, payloads: Payloads) {
    this.#bus = bus
    this.#payloads = payloads
  }

  at(seq: number): FunctionVersion | Promise<FunctionVersion> {
    return this.#kept.get(seq) ?? this.#read(seq)
  }

  async #read(seq: number): Promise<FunctionVersion> {
    type Defining = FunctionRegistered | FunctionUpdated
    const recorded = await readEvent<Defining>(this.#bus, this.#payloads, { seq })
    if (recorded === undefined) throw new DefinitionMissing(seq)
    const { data } = recorded.event
    this.#kept.keep(seq, data)
    return data
  }
}
