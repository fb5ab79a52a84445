/** How many may stay on: on this edge, and of one owner, so that nobody takes all of it. */
import { Problem } from '#domain/problem.ts'

/** Whoever is refused comes back no sooner. */
const RETRY_AFTER_S = 10

export interface SeatsOptions {
  /** What those are who sit here, in the words of a refusal. */
  readonly what: { readonly name: string; readonly field: string }
  readonly max: number
  readonly maxPerOwner: number
}

export class Seats {
  readonly #options: SeatsOptions
  readonly #byOwner = new Map<string, number>()
  #taken = 0

  constructor(options: SeatsOptions) {
    this.#options = options
  }

  get taken(): number {
    return this.#taken
  }

  /** Throws a `Problem` if there is none; what it returns gives the seat back, once. */
  take(owner: string): () => void {
    const { max, maxPerOwner, what } = this.#options
    const own = this.#byOwner.get(owner) ?? 0
    const retry = { retryAfterS: RETRY_AFTER_S }
    if (own >= maxPerOwner) {
      const message = `You have ${own} ${what.name} here, and more are not allowed.`
      throw new Problem('RATE_LIMITED', message, { [what.field]: maxPerOwner }, retry)
    }
    if (this.#taken >= max) {
      throw new Problem('OVERLOADED', `Too many ${what.name} here.`, { [what.field]: max }, retry)
    }
    this.#taken++
    this.#byOwner.set(owner, own + 1)
    let isTaken = true
    return () => {
      if (!isTaken) return
      isTaken = false
      this.#taken--
      const left = (this.#byOwner.get(owner) ?? 0) - 1
      if (left > 0) this.#byOwner.set(owner, left)
      else this.#byOwner.delete(owner)
    }
  }
}
