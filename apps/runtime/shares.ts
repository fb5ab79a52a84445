/**
 * Is a process used for one function or for several at the moment?
 *
 * A process has one thread: whatever arrives while it works through a burst waits for all of it, at
 * every step of its way. So nobody may have long bursts while others are there too; whoever is
 * alone may have all there is. (Measured on 2 cores, a flood of 64 connections beside one caller:
 * its p99 fell to a fourth.)
 */

/** Somebody counts as there for so long after the last sign of it. */
const IN_USE_MS = 250
/** What each may have under way, or waiting for the disk, while others are there. */
export const SHARE = 1

interface Use {
  key: number
  at: number
}

const NOBODY = -1

export class Shares {
  readonly #now: () => number
  #last: Use = { key: NOBODY, at: -Infinity }
  /** The last one that was somebody else. */
  #other: Use = { key: NOBODY, at: -Infinity }

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  use(key: number): void {
    const at = this.#now()
    if (this.#last.key !== key) {
      this.#other = this.#last
      this.#last = { key, at }
    } else {
      this.#last.at = at
    }
  }

  /** How much `key` may have under way. */
  of(key: number): number {
    const other = this.#last.key === key ? this.#other : this.#last
    return other.at + IN_USE_MS > this.#now() ? SHARE : Infinity
  }
}
