/**
 * The commands that README.md gives, taken from its own text: what its fenced `sh` blocks hold, and
 * `npm run …` in a sentence.
 *
 * Invariant: whoever takes a command exercises it; `untouched` are those that nobody took.
 */
import { readFileSync } from 'node:fs'

const README = new URL('../../README.md', import.meta.url)
const BLOCK = /^```sh\n(?<text>.*?)^```$/gms
const INLINE = /`(?<text>npm run [^`]+)`/g

export class ReadmeCommands {
  readonly #untouched: Set<string>

  constructor(readme = readFileSync(README, 'utf8')) {
    const found = [BLOCK, INLINE].flatMap((pattern) =>
      [...readme.matchAll(pattern)].map(({ groups }) => groups?.['text']?.trim() ?? ''),
    )
    this.#untouched = new Set(found)
  }

  /** The one block, or inline command, that contains `part`. */
  take(part: string): string {
    const [found, second] = [...this.#untouched].filter((text) => text.includes(part))
    if (found === undefined) throw new Error(`no command of the README contains ${part}`)
    if (second !== undefined) throw new Error(`several commands of the README contain ${part}`)
    this.#untouched.delete(found)
    return found
  }

  get untouched(): readonly string[] {
    return [...this.#untouched]
  }
}

/** The block as it stands, for a platform that listens at `url`. */
export function askedOf(url: string, block: string): string {
  return `U=${url}\n${block}`
}
