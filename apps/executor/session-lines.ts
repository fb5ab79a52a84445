/**
 * Executions of one retained session follow one another. They wait here and not in the fair queue,
 * where each of them would hold a slot that other sessions of the function could use.
 */
export class SessionLines<Item> {
  /** What waits behind the one that is under way. */
  readonly #lines = new Map<string, Item[]>()

  /** Tells whether it is its turn already; if not, `next` will return it. */
  enter(line: string, item: Item): boolean {
    const waiting = this.#lines.get(line)
    if (waiting === undefined) {
      this.#lines.set(line, [])
      return true
    }
    waiting.push(item)
    return false
  }

  /** The one under way has ended: who follows it, if anybody does. */
  next(line: string): Item | undefined {
    const item = this.#lines.get(line)?.shift()
    if (item === undefined) this.#lines.delete(line)
    return item
  }

  /** Takes out everything that waits. */
  clear(): Item[] {
    return [...this.#lines.values()].flatMap((waiting) => waiting.splice(0))
  }
}
