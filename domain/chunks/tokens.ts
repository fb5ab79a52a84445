/**
 * Tokens of any script (scheme `t1`): what the scores compare.
 *
 * A word of a script with spaces is a token. Chinese, Japanese, Korean, Thai and its neighbours are
 * read as overlapping pairs of characters, since where their words end takes a dictionary. A text
 * without words, such as emoji, is read by its characters.
 *
 * Invariants:
 * 1. Offsets are those of the original text, in UTF-16 units; they are never searched for again.
 * 2. Texts that only differ in case, width, composition or invisible characters have the same
 *    tokens.
 * 3. The time is linear in the text, whatever the text.
 */
import { DIGIT, FORMAT, HAN, HANGUL, kindOf, MARK, unitsOf } from './script.ts'

export interface Tokens {
  readonly texts: readonly string[]
  readonly starts: readonly number[]
  readonly ends: readonly number[]
  /** As many words as the text would have if its script had spaces. */
  readonly words: number
  /** Words written with spaces around them, and the characters in them. */
  readonly spacedWords: number
  readonly spacedCharacters: number
}

/** Characters that a word has on average where words are not told apart. */
const CHARACTERS_PER_WORD = 1.7

type Writable<T> = {
  -readonly [Key in keyof T]: T[Key] extends readonly (infer E)[] ? E[] : T[Key]
}
type Building = Writable<Tokens>

export function tokenize(text: string): Tokens {
  const out: Building = {
    ...{ texts: [], starts: [], ends: [] },
    ...{ words: 0, spacedWords: 0, spacedCharacters: 0 },
  }
  for (let at = 0; at < text.length;) {
    const codePoint = text.codePointAt(at) as number
    const kind = kindOf(codePoint)
    if (kind < DIGIT) at += unitsOf(codePoint)
    else at = kind < HAN ? spacedWord(text, at, out) : pairs(text, at, out)
  }
  if (out.texts.length === 0) characters(text, out)
  return out
}

/** The text of a token: what looks the same is the same. */
function folded(text: string): string {
  const cased = text.normalize('NFKC').toUpperCase().toLowerCase()
  return cased.replaceAll('i\u0307', 'i').normalize('NFKC')
}

const NOT_ASCII = /[^\0-\x7f]/
const APOSTROPHES = /\u2019/g
const INVISIBLE = /\p{Cf}/gu

/** Takes the word that begins at `start`; returns where it ends. */
function spacedWord(text: string, start: number, out: Building): number {
  let end = start
  for (let at = start; at < text.length;) {
    const codePoint = text.codePointAt(at) as number
    const kind = kindOf(codePoint)
    if (kind >= MARK && kind < HAN) {
      at += unitsOf(codePoint)
      end = at
    } else if (kind === FORMAT || isInnerApostrophe(text, at, codePoint)) {
      at += unitsOf(codePoint)
    } else break
  }
  const word = text.slice(start, end)
  push(out, NOT_ASCII.test(word) ? wordOf(word) : word.toLowerCase(), start, end)
  out.words++
  out.spacedWords++
  out.spacedCharacters += end - start
  return end
}

const wordOf = (word: string) => folded(word.replace(INVISIBLE, '').replace(APOSTROPHES, "'"))

function isInnerApostrophe(text: string, at: number, codePoint: number): boolean {
  if (codePoint !== 0x27 && codePoint !== 0x2019) return false
  const kind = kindOf(text.codePointAt(at + 1) ?? 0)
  return kind > DIGIT && kind < HAN
}

interface Units {
  readonly texts: string[]
  readonly starts: number[]
  readonly ends: number[]
}

/** Takes the run without spaces that begins at `start`; returns where it ends. */
function pairs(text: string, start: number, out: Building): number {
  let end = start
  let hangul = 0
  for (let at = start; at < text.length;) {
    const codePoint = text.codePointAt(at) as number
    const kind = kindOf(codePoint)
    if (kind < HAN && kind !== MARK && kind !== FORMAT) break
    at += unitsOf(codePoint)
    if (kind !== FORMAT) end = at
    if (kind === HANGUL) hangul++
  }
  const run = text.slice(start, end)
  const units = run.normalize('NFKC') === run ? asTheyAre(run) : clusters(run)
  const { texts, starts, ends } = units
  if (texts.length === 1) push(out, texts[0] ?? '', start, end)
  for (let i = 0; i + 1 < texts.length; i++) {
    const pair = `${texts[i]}${texts[i + 1]}`
    push(out, pair, start + (starts[i] ?? 0), start + (ends[i + 1] ?? 0))
  }
  out.words += hangul > 0 ? 1 : texts.length / CHARACTERS_PER_WORD
  return end
}

function asTheyAre(run: string): Units {
  const units: Units = { texts: [], starts: [], ends: [] }
  for (let at = 0; at < run.length;) {
    const codePoint = run.codePointAt(at) as number
    const end = at + unitsOf(codePoint)
    if (kindOf(codePoint) !== FORMAT) push(units, run.slice(at, end), at, end)
    at = end
  }
  return units
}

/** A character with all that composes with it; each unit has the offsets of its cluster. */
function clusters(run: string): Units {
  const units: Units = { texts: [], starts: [], ends: [] }
  for (let start = 0; start < run.length;) {
    let end = start + unitsOf(run.codePointAt(start) as number)
    while (end < run.length && composes(run.codePointAt(end) as number)) {
      end += unitsOf(run.codePointAt(end) as number)
    }
    const cluster = run.slice(start, end).replace(INVISIBLE, '').normalize('NFKC')
    for (const unit of cluster) push(units, unit, start, end)
    start = end
  }
  return units
}

/** Marks, the half-width marks of kana, and the later parts of a Hangul syllable. */
function composes(codePoint: number): boolean {
  return (
    kindOf(codePoint) === MARK ||
    kindOf(codePoint) === FORMAT ||
    codePoint === 0xff9e ||
    codePoint === 0xff9f ||
    (codePoint >= 0x1160 && codePoint <= 0x11ff)
  )
}

function characters(text: string, out: Building): void {
  for (let at = 0; at < text.length;) {
    const codePoint = text.codePointAt(at) as number
    const end = at + unitsOf(codePoint)
    const character = text.slice(at, end)
    if (/[^\s\p{Cf}\p{M}]/u.test(character)) push(out, character, at, end)
    at = end
  }
}

function push(out: Units, text: string, start: number, end: number): void {
  out.texts.push(text)
  out.starts.push(start)
  out.ends.push(end)
}

/** Tokens as numbers, the same for all the texts that one vocabulary has read. */
export class Vocabulary {
  readonly #ids = new Map<string, number>()

  get size(): number {
    return this.#ids.size
  }

  idsOf({ texts }: Tokens): Int32Array {
    const known = this.#ids
    const ids = new Int32Array(texts.length)
    for (let i = 0; i < ids.length; i++) {
      const text = texts[i] as string
      let id = known.get(text)
      if (id === undefined) known.set(text, (id = known.size))
      ids[i] = id
    }
    return ids
  }
}
