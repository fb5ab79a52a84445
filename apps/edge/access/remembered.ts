/**
 * Verified credentials by digest, for as long as a signature is not worth checking again.
 *
 * Invariant: bounded in number and in time, and never beyond the credential's own end.
 */
const ENTRIES_MAX = 4_096
/** A key that its provider withdraws counts for so long. */
const TRUST_MS = 30_000

export class Remembered<Verified> {
  /** The oldest first. */
  readonly #entries = new Map<string, { readonly verified: Verified; readonly untilMs: number }>()

  get size(): number {
    return this.#entries.size
  }

  get(digest: string, nowMs: number): Verified | undefined {
    const entry = this.#entries.get(digest)
    if (entry === undefined) return undefined
    if (nowMs < entry.untilMs) return entry.verified
    this.#entries.delete(digest)
    return undefined
  }

  set(digest: string, verified: Verified, endsAtMs: number, nowMs: number): void {
    const untilMs = Math.min(endsAtMs, nowMs + TRUST_MS)
    if (untilMs <= nowMs) return
    if (this.#entries.size >= ENTRIES_MAX) {
      const [oldest] = this.#entries.keys()
      if (oldest !== undefined) this.#entries.delete(oldest)
    }
    this.#entries.set(digest, { verified, untilMs })
  }
}
