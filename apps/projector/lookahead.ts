/**
 * Takes batches from the intake and puts the next one into the database's words while the statement
 * before it is still in flight: in a catch-up, server and client then work at the same time.
 *
 * Invariant: it runs ahead only by a full batch. What is not full yet keeps collecting.
 */
import { partsOf } from '#projections/batch.ts'
import type { Part } from '#projections/statement.ts'
import type { Entry, Intake } from './intake.ts'

const BATCH_MAX = 500

export interface Prepared {
  readonly entries: readonly Entry[]
  readonly parts: readonly Part[]
}

export class Lookahead {
  readonly #intake: Intake
  #next: Promise<Prepared> | undefined

  constructor(intake: Intake) {
    this.#intake = intake
  }

  get isEmpty(): boolean {
    return this.#next === undefined && this.#intake.size === 0
  }

  take(): Promise<Prepared> {
    const next = this.#next ?? this.#prepare()
    this.#next = undefined
    return next
  }

  /** To be called when a statement has just been sent. */
  runAhead(): void {
    if (this.#next !== undefined || this.#intake.size < BATCH_MAX) return
    this.#next = this.#prepare()
    // Whoever takes it gets its error.
    this.#next.catch(() => undefined)
  }

  async #prepare(): Promise<Prepared> {
    const entries = await this.#intake.take(BATCH_MAX)
    return prepare(entries)
  }
}

export function prepare(entries: readonly Entry[]): Prepared {
  return { entries, parts: partsOf(entries.map(({ recorded }) => recorded)) }
}
