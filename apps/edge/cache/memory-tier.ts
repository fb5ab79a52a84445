/** The results that this process holds itself: the least recently used make room. */

const MAX_BYTES = 64 * 1024 ** 2
export const ENTRY_BYTES_MAX = 1024 ** 2
/** Key, record and the map's own share. */
const OVERHEAD_BYTES = 256

export interface Cached {
  /** JSON. */
  readonly text: string
  /** Milliseconds since the epoch. */
  readonly storedAt: number
}

export interface Entry extends Cached {
  readonly ttlMs: number
}

export class MemoryTier {
  readonly #maxBytes: number
  /** The least recently used comes first. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes
  }

  get entries(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string, nowMs: number): Entry | undefined {
    const found = this.#entries.get(key)
    if (found === undefined) return undefined
    if (nowMs - found.storedAt >= found.ttlMs) {
      this.delete(key)
      return undefined
    }
    this.#entries.delete(key)
    this.#entries.set(key, found)
    return found
  }

  set(key: string, entry: Entry): void {
    this.delete(key)
    this.#entries.set(key, entry)
    this.#bytes += sizeOf(entry)
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break
      this.delete(oldest)
    }
  }

  delete(key: string): boolean {
    const found = this.#entries.get(key)
    if (found === undefined) return false
    this.#bytes -= sizeOf(found)
    return this.#entries.delete(key)
  }
}

/** As the engine holds it: one character beyond Latin-1 makes every one of a text two bytes wide. */
function sizeOf({ text }: Entry): number {
  const isNarrow = Buffer.byteLength(text) === text.length
  return OVERHEAD_BYTES + (isNarrow ? text.length : 2 * text.length)
}
