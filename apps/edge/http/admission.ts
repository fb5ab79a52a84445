/**
 * Counts the requests in progress over all surfaces, and what their large bodies may come to: an
 * edge refuses what it could not hold.
 */
export interface AdmissionOptions {
  readonly maxRequests: number
  readonly maxLargeBytes: number
}

export class Admission {
  readonly #options: AdmissionOptions
  #current = 0
  #largeBytes = 0

  constructor(options: AdmissionOptions) {
    this.#options = options
  }

  get current(): number {
    return this.#current
  }

  /** `largeBytes`: what its body may come to, where its route takes large ones. */
  enter(largeBytes = 0): boolean {
    const { maxRequests, maxLargeBytes } = this.#options
    if (this.#current >= maxRequests) return false
    if (largeBytes > 0 && this.#largeBytes + largeBytes > maxLargeBytes) return false
    this.#current++
    this.#largeBytes += largeBytes
    return true
  }

  leave(largeBytes = 0): void {
    this.#current--
    this.#largeBytes -= largeBytes
  }
}
