/**
 * Tokens as numbers, the same for all the texts that one vocabulary has read. A word is looked up
 * where it stands: only one that is new becomes a string of its own.
 *
 * Invariants:
 * 1. Equal tokens have one number, and different ones never: a hash only finds where to look.
 * 2. A token that finds no room within `PROBES_MAX` places goes to a map, whose own hashes nobody
 *    can foresee: text that is made so that hashes collide takes a few times as long, not more.
 */
import { hashOf } from './hashes.ts'

const PROBES_MAX = 16
const FREE = -1

export class Vocabulary {
  readonly #texts: string[] = []
  #hashes = new Int32Array(256)
  /** Numbers of tokens, at most half as many as there are places. */
  #slots = new Int32Array(512).fill(FREE)
  readonly #crowded = new Map<string, number>()
  /** Of each token, where it was met last, if all texts lay one behind the other. */
  #lastAt = new Int32Array(256).fill(FREE)
  #read = 0

  get size(): number {
    return this.#texts.length
  }

  textOf(id: number): string {
    return this.#texts[id] as string
  }

  hashOf(id: number): number {
    return this.#hashes[id] as number
  }

  idOf(text: string): number {
    const hash = hashOf(text)
    const mask = this.#slots.length - 1
    for (let probes = 0, slot = hash & mask; probes < PROBES_MAX; probes++) {
      const id = this.#slots[slot] as number
      if (id === FREE) return this.#added(text, hash, slot)
      if (this.#hashes[id] === hash && this.#texts[id] === text) return id
      slot = (slot + 1) & mask
    }
    return this.#crowded.get(text) ?? this.#added(text, hash)
  }

  /** The word of ASCII that stands from `start` to `end`; `hash` is that of it in lower case. */
  idOfWord(text: string, start: number, end: number, hash: number): number {
    const mask = this.#slots.length - 1
    for (let probes = 0, slot = hash & mask; probes < PROBES_MAX; probes++) {
      const id = this.#slots[slot] as number
      if (id === FREE) return this.#added(text.slice(start, end).toLowerCase(), hash, slot)
      if (this.#hashes[id] === hash && isWord(this.#texts[id] as string, text, start, end))
        return id
      slot = (slot + 1) & mask
    }
    const word = text.slice(start, end).toLowerCase()
    return this.#crowded.get(word) ?? this.#added(word, hash)
  }

  /** The tokens of the next text: of each, where in it the same one stood before; −1: nowhere. */
  previousOf(ids: Int32Array): Int32Array {
    const previous = new Int32Array(ids.length)
    const from = this.#read
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] as number
      previous[at] = Math.max(FREE, (this.#lastAt[id] as number) - from)
      this.#lastAt[id] = from + at
    }
    this.#read += ids.length
    return previous
  }

  #added(text: string, hash: number, slot?: number): number {
    const id = this.#texts.push(text) - 1
    const hasGrown = id === this.#hashes.length
    if (hasGrown) this.#grow()
    this.#hashes[id] = hash
    if (hasGrown) this.#place(id)
    else if (slot === undefined) this.#crowded.set(text, id)
    else this.#slots[slot] = id
    return id
  }

  #grow(): void {
    const known = this.#hashes.length
    this.#hashes = longer(this.#hashes)
    this.#lastAt = longer(this.#lastAt)
    this.#slots = new Int32Array(2 * this.#slots.length).fill(FREE)
    this.#crowded.clear()
    for (let id = 0; id < known; id++) this.#place(id)
  }

  #place(id: number): void {
    const mask = this.#slots.length - 1
    let slot = (this.#hashes[id] as number) & mask
    for (let probes = 0; probes < PROBES_MAX; probes++, slot = (slot + 1) & mask) {
      if (this.#slots[slot] !== FREE) continue
      this.#slots[slot] = id
      return
    }
    this.#crowded.set(this.#texts[id] as string, id)
  }
}

/** Twice as long; what is new is −1. */
export function longer(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const out = new Int32Array(2 * numbers.length).fill(FREE, numbers.length)
  out.set(numbers)
  return out
}

function isWord(word: string, text: string, start: number, end: number): boolean {
  if (word.length !== end - start) return false
  for (let i = 0; i < word.length; i++) {
    if (word.charCodeAt(i) !== lowerCase(text.charCodeAt(start + i))) return false
  }
  return true
}

/** Of ASCII. */
export const lowerCase = (unit: number) => (unit >= 0x41 && unit <= 0x5a ? unit | 0x20 : unit)
