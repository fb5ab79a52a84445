/** Whoever comes takes a lane that is free, or waits for one in the order of coming. */

export class Lanes<Lane> {
  readonly #free: Lane[]
  readonly #waiting = new Set<(lane: Lane) => void>()

  constructor(lanes: readonly Lane[]) {
    this.#free = [...lanes]
  }

  /** Aborted while it waits, it leaves the queue and rejects with the signal's reason. */
  async take(signal?: AbortSignal): Promise<Lane> {
    signal?.throwIfAborted()
    return this.#free.pop() ?? this.#turn(signal)
  }

  handOn(lane: Lane): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free.push(lane)
      return
    }
    this.#waiting.delete(next)
    next(lane)
  }

  #turn(signal: AbortSignal | undefined): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const give = (lane: Lane) => {
        signal?.removeEventListener('abort', leave)
        resolve(lane)
      }
      const leave = () => {
        this.#waiting.delete(give)
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', leave, { once: true })
      this.#waiting.add(give)
    })
  }
}
