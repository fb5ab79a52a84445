/**
 * The gate before COMMANDS: a flood on one function must not fill the edge's turns.
 *
 * Invariants:
 * 1. A function has no more acceptances under way than its share (`shares.ts`); more of them wait in
 *    order, and the first of them follows whichever ends.
 * 2. Who waits here has been promised nothing yet, and waits only for the commits before it.
 */
import { Shares } from '#runtime/shares.ts'

interface Lane {
  underWay: number
  readonly waiting: (() => void)[]
}

export class FairGate {
  readonly #shares: Shares
  readonly #lanes = new Map<number, Lane>()

  constructor(shares: Shares = new Shares()) {
    this.#shares = shares
  }

  /** Something else than an acceptance is done for the function. */
  use(functionId: number): void {
    this.#shares.use(functionId)
  }

  /** Resolves when it is the function's turn; nothing to wait for is nothing to await. */
  enter(functionId: number): Promise<void> | undefined {
    this.#shares.use(functionId)
    let lane = this.#lanes.get(functionId)
    if (lane === undefined) {
      lane = { underWay: 0, waiting: [] }
      this.#lanes.set(functionId, lane)
    }
    if (lane.underWay < this.#shares.of(functionId)) {
      lane.underWay++
      return undefined
    }
    const { waiting } = lane
    return new Promise((resolve) => waiting.push(resolve))
  }

  leave(functionId: number): void {
    const lane = this.#lanes.get(functionId)
    if (lane === undefined) return
    lane.underWay--
    const share = this.#shares.of(functionId)
    while (lane.waiting.length > 0 && lane.underWay < share) {
      lane.underWay++
      lane.waiting.shift()?.()
    }
    if (lane.underWay === 0) this.#lanes.delete(functionId)
  }
}
