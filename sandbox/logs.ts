/**
 * What one run prints, as lines with the time at which the host read them.
 *
 * Invariants:
 * 1. At most `LIMITS.logKeptBytes` are kept, however much arrives; every byte is counted.
 * 2. As JSON they take at most `LIMITS.logJsonBytes`: a line costs more than its text, and a byte
 *    up to six.
 * 3. A silent run allocates nothing.
 *
 * Siblings: `log-entries.ts` holds the second one.
 */
import { LIMITS, type LogLine } from './contract.ts'
import { LogEntries } from './log-entries.ts'

interface Chunk {
  readonly stream: LogLine['stream']
  readonly timeMs: number
  readonly bytes: Buffer
}

const none: readonly LogLine[] = Object.freeze([])

export class LogBuffer {
  #chunks: Chunk[] | undefined
  #keptBytes = 0
  #seenBytes = 0
  #cut = false

  get seenBytes(): number {
    return this.#seenBytes
  }

  /** Known once the lines have been asked for. */
  get truncated(): boolean {
    return this.#cut || this.#seenBytes > this.#keptBytes
  }

  add(stream: LogLine['stream'], chunk: Buffer): void {
    this.#seenBytes += chunk.length
    const room = LIMITS.logKeptBytes - this.#keptBytes
    if (room <= 0) return
    // Copied, because a slice would keep the whole read buffer alive.
    const bytes = Buffer.from(chunk.length > room ? chunk.subarray(0, room) : chunk)
    this.#keptBytes += bytes.length
    this.#chunks ??= []
    this.#chunks.push({ stream, timeMs: Date.now(), bytes })
  }

  /** What was kept, cut where it would take more than its share of an event. */
  lines(): readonly LogLine[] {
    const chunks = this.#chunks
    if (chunks === undefined) return none
    const entries = new LogEntries()
    const open: Record<LogLine['stream'], { timeMs: number; parts: Buffer[] }> = {
      stdout: { timeMs: 0, parts: [] },
      stderr: { timeMs: 0, parts: [] },
    }
    const close = (stream: LogLine['stream']) => {
      const { timeMs, parts } = open[stream]
      const whole = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
      open[stream].parts = []
      const text = whole.toString('utf8').replace(/\r$/, '')
      return entries.add(stream, timeMs, text)
    }
    for (const { stream, timeMs, bytes } of chunks) {
      const line = open[stream]
      let from = 0
      for (;;) {
        const end = bytes.indexOf(10, from)
        const part = bytes.subarray(from, end < 0 ? undefined : end)
        if (line.parts.length === 0) line.timeMs = timeMs
        if (end >= 0 || part.length > 0) line.parts.push(part)
        if (end < 0) break
        if (!close(stream)) return this.#finish(entries)
        from = end + 1
      }
    }
    for (const stream of ['stdout', 'stderr'] as const) {
      if (open[stream].parts.length > 0 && !close(stream)) break
    }
    return this.#finish(entries)
  }

  #finish(entries: LogEntries): readonly LogLine[] {
    this.#cut = entries.full
    return entries.lines()
  }
}
