/** One sleeper that anybody may wake; a wake that comes before the sleep is not lost. */
export class Wakeup {
  #woken = false
  #resolve: (() => void) | undefined

  wake(): void {
    this.#woken = true
    this.#resolve?.()
  }

  /** Resolves at the next wake, or at once if one came since the last wait. */
  async wait(): Promise<void> {
    if (!this.#woken) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#resolve = resolve
      await promise
      this.#resolve = undefined
    }
    this.#woken = false
  }
}
