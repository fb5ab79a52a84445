/** Which of many belong together, as pairs of them are told (union-find, by size, paths halved). */
export class Unions {
  readonly #parents: Int32Array
  readonly #sizes: Int32Array

  constructor(count: number) {
    this.#parents = Int32Array.from({ length: count }, (_, i) => i)
    this.#sizes = new Int32Array(count).fill(1)
  }

  rootOf(one: number): number {
    const parents = this.#parents
    let root = one
    while (parents[root] !== root) {
      const above = parents[root] as number
      root = parents[root] = parents[above] as number
    }
    return root
  }

  sizeOf(one: number): number {
    return this.#sizes[this.rootOf(one)] as number
  }

  join(one: number, other: number): void {
    const a = this.rootOf(one)
    const b = this.rootOf(other)
    if (a === b) return
    const [big, small] = this.#sizes[a]! >= this.#sizes[b]! ? [a, b] : [b, a]
    this.#parents[small] = big
    this.#sizes[big]! += this.#sizes[small]!
  }
}
