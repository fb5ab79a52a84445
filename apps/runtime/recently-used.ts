/**
 * What never changes, kept while it is in use: the least recently used is forgotten when all of it
 * has become too large. What came last is kept, however large it is.
 */
export class RecentlyUsed<Value> {
  readonly #max: number
  readonly #sizeOf: (value: Value) => number
  /** The least recently used comes first. */
  readonly #kept = new Map<number, Value>()
  #size = 0

  constructor(max: number, sizeOf: (value: Value) => number) {
    this.#max = max
    this.#sizeOf = sizeOf
  }

  get(key: number): Value | undefined {
    const known = this.#kept.get(key)
    if (known === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, known)
    return known
  }

  /** Two who read it at once keep it once. */
  keep(key: number, value: Value): void {
    if (this.#kept.has(key)) return
    this.#kept.set(key, value)
    this.#size += this.#sizeOf(value)
    for (const [oldest, forgotten] of this.#kept) {
      if (this.#size <= this.#max || oldest === key) return
      this.#kept.delete(oldest)
      this.#size -= this.#sizeOf(forgotten)
    }
  }
}
