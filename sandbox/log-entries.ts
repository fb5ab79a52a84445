/**
 * The lines of one run as its job shows them, within a budget of JSON.
 *
 * Invariants:
 * 1. One entry per line up to `ENTRIES`; further lines join the newest entry of their stream, so
 *    that a flood of short lines costs its text and not an object each.
 * 2. All of it takes at most `LIMITS.logJsonBytes` as JSON; what comes after the first text that had
 *    to be cut is dropped.
 */
import { LIMITS, type LogLine } from './contract.ts'

const ENTRIES = 1000
const BRACKETS_BYTES = 2
const NEWLINE_BYTES = String.raw`\n`.length
/** Everything of an entry but its text, with the comma behind it. */
const entryBytes =
  JSON.stringify({ stream: 'stdout', time: new Date(0).toISOString(), text: '' }).length + 1

interface Entry {
  readonly stream: LogLine['stream']
  readonly timeMs: number
  readonly texts: string[]
}

export class LogEntries {
  readonly #entries: Entry[] = []
  readonly #newest: Partial<Record<LogLine['stream'], Entry>> = {}
  #room = LIMITS.logJsonBytes - BRACKETS_BYTES
  #full = false

  /** Something had to be left out. */
  get full(): boolean {
    return this.#full
  }

  /** False if this was the last that there is room for. */
  add(stream: LogLine['stream'], timeMs: number, text: string): boolean {
    const newest = this.#newest[stream]
    const joins = this.#entries.length >= ENTRIES && newest !== undefined
    const own = joins ? NEWLINE_BYTES : entryBytes
    if (own > this.#room) {
      this.#full = true
      return false
    }
    const [fitting, bytes] = fit(text, this.#room - own)
    this.#room -= own + bytes
    if (joins) newest.texts.push(fitting)
    else {
      const entry = { stream, timeMs, texts: [fitting] }
      this.#entries.push(entry)
      this.#newest[stream] = entry
    }
    this.#full = fitting.length < text.length
    return !this.#full
  }

  lines(): readonly LogLine[] {
    return this.#entries.map(({ stream, timeMs, texts }) => ({
      stream,
      time: new Date(timeMs).toISOString(),
      text: texts.join('\n'),
    }))
  }
}

/** As much of the text as takes `room` bytes inside a JSON string, and what it takes. */
function fit(text: string, room: number): [fitting: string, bytes: number] {
  const whole = jsonBytes(text)
  if (whole <= room) return [text, whole]
  let bytes = 0
  let end = 0
  for (const char of text) {
    const next = jsonBytes(char)
    if (bytes + next > room) break
    bytes += next
    end += char.length
  }
  return [text.slice(0, end), bytes]
}

const jsonBytes = (text: string) => Buffer.byteLength(JSON.stringify(text)) - 2
