/**
 * What one run prints, as lines with the time at which the host read them.
 *
 * Invariants:
 * 1. At most `LIMITS.logKeptBytes` are kept, however much arrives; every byte is counted.
 * 2. A silent run allocates nothing.
 */
import { LIMITS, type LogLine } from './contract.ts'

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

  get seenBytes(): number {
    return this.#seenBytes
  }

  get truncated(): boolean {
    return this.#seenBytes > this.#keptBytes
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

  lines(): readonly LogLine[] {
    const chunks = this.#chunks
    if (chunks === undefined) return none
    const lines: LogLine[] = []
    const open: Record<LogLine['stream'], { timeMs: number; parts: Buffer[] }> = {
      stdout: { timeMs: 0, parts: [] },
      stderr: { timeMs: 0, parts: [] },
    }
    const close = (stream: LogLine['stream']) => {
      const { timeMs, parts } = open[stream]
      const text = Buffer.concat(parts).toString('utf8')
      lines.push({ stream, time: new Date(timeMs).toISOString(), text: text.replace(/\r$/, '') })
      open[stream].parts = []
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
        close(stream)
        from = end + 1
      }
    }
    for (const stream of ['stdout', 'stderr'] as const) {
      if (open[stream].parts.length > 0) close(stream)
    }
    return lines
  }
}
