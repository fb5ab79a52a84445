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
import { EMPTY_HASH, hashedWith } from './hashes.ts'
import { after, DIGIT, FORMAT, HAN, HANGUL, kindOf, kindsOf, MARK, unitsOf } from './script.ts'
import { longer, lowerCase, type Vocabulary } from './vocabulary.ts'

export interface Tokens {
  /** Their numbers in the vocabulary. */
  readonly ids: Int32Array
  /** Of each, where in the text the same one stood before; −1: nowhere. */
  readonly previous: Int32Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** As many words as the text would have if its script had spaces. */
  readonly words: number
  /** Words written with spaces around them, and the characters in them. */
  readonly spacedWords: number
  readonly spacedCharacters: number
}

/** Characters that a word has on average where words are not told apart. */
const CHARACTERS_PER_WORD = 1.7

export function tokenize(
  text: string,
  vocabulary: Vocabulary,
  kinds: Uint8Array = kindsOf(text),
): Tokens {
  const reading = new Reading(text, kinds, vocabulary)
  for (let at = 0; at < text.length;) {
    const kind = kinds[at] as number
    if (kind < DIGIT) at++
    else at = kind < HAN ? spacedWord(reading, at) : pairs(reading, at)
  }
  if (reading.count === 0) characters(reading)
  const { ids, starts, ends } = reading.tokens
  return {
    ...{ ids, starts, ends },
    previous: vocabulary.previousOf(ids),
    words: reading.words,
    spacedWords: reading.spacedWords,
    spacedCharacters: reading.spacedCharacters,
  }
}

/** Each of them once: of `values`, one for each token, those where it stands first. */
export function eachOnce({ previous }: Pick<Tokens, 'previous'>, values: Int32Array): Int32Array {
  const once = new Int32Array(values.length)
  let count = 0
  for (let at = 0; at < values.length; at++) {
    if (previous[at] === -1) once[count++] = values[at] as number
  }
  return once.slice(0, count)
}

class Reading {
  readonly text: string
  readonly kinds: Uint8Array
  readonly vocabulary: Vocabulary
  #ids = new Int32Array(256)
  #starts = new Int32Array(256)
  #ends = new Int32Array(256)
  count = 0
  words = 0
  spacedWords = 0
  spacedCharacters = 0

  constructor(text: string, kinds: Uint8Array, vocabulary: Vocabulary) {
    this.text = text
    this.kinds = kinds
    this.vocabulary = vocabulary
  }

  found(id: number, start: number, end: number): void {
    const at = this.count++
    if (at === this.#ids.length) {
      this.#ids = longer(this.#ids)
      this.#starts = longer(this.#starts)
      this.#ends = longer(this.#ends)
    }
    this.#ids[at] = id
    this.#starts[at] = start
    this.#ends[at] = end
  }

  get tokens(): Pick<Tokens, 'ids' | 'starts' | 'ends'> {
    return {
      ids: this.#ids.slice(0, this.count),
      starts: this.#starts.slice(0, this.count),
      ends: this.#ends.slice(0, this.count),
    }
  }
}

/** As many marks as no writing puts on one letter, and those that halves of kana turn into. */
const MARKS_MAX = 30
const CROWDED = new RegExp(`[\\p{M}\uff9e\uff9f]{${MARKS_MAX}}`, 'gu')
/** It is no letter, so marks stay on their side of it. */
const JOINER = '\u034f'

/**
 * NFKC. To put marks in their order takes the square of how many stand together, so a crowd of them
 * is parted first. Source: the Stream-Safe Text Format of Unicode (UAX 15).
 */
function composed(text: string): string {
  const parted = text.length > MARKS_MAX ? text.replace(CROWDED, `$&${JOINER}`) : text
  return parted.normalize('NFKC')
}

/** The text of a token: what looks the same is the same. */
function folded(text: string): string {
  const cased = composed(text).toUpperCase().toLowerCase()
  return cased.replaceAll('i\u0307', 'i').normalize('NFKC')
}

const NOT_ASCII = /[^\0-\x7f]/
const APOSTROPHES = /\u2019/g
const INVISIBLE = /\p{Cf}/gu

/** Takes the word that begins at `start`; returns where it ends. */
function spacedWord(reading: Reading, start: number): number {
  const { text, kinds, vocabulary } = reading
  let end = start
  let hash = EMPTY_HASH
  let isPlain = true
  for (let at = start; at < text.length;) {
    const unit = text.charCodeAt(at)
    const plain = unit < 0x80 ? (PLAIN[unit] as number) : 0
    if (plain !== 0) {
      hash = hashedWith(hash, plain)
      end = ++at
      continue
    }
    const kind = kinds[at] as number
    const isLetter = kind >= MARK && kind < HAN
    if (!isLetter && kind !== FORMAT && !isInnerApostrophe(unit, kinds[at + 1])) break
    if (unit < 0x80) hash = hashedWith(hash, unit)
    else isPlain = false
    at = after(kinds, at)
    if (isLetter) end = at
  }
  const id = isPlain
    ? vocabulary.idOfWord(text, start, end, hash)
    : vocabulary.idOf(wordOf(text.slice(start, end)))
  reading.found(id, start, end)
  reading.words++
  reading.spacedWords++
  reading.spacedCharacters += end - start
  return end
}

/** Letters and digits of ASCII, in lower case. */
const PLAIN = Uint8Array.from({ length: 0x80 }, (_, unit) =>
  kindOf(unit) >= DIGIT ? lowerCase(unit) : 0,
)

function wordOf(word: string): string {
  if (!NOT_ASCII.test(word)) return word.toLowerCase()
  return folded(word.replace(INVISIBLE, '').replace(APOSTROPHES, "'"))
}

const isInnerApostrophe = (unit: number, nextKind = 0) =>
  (unit === 0x27 || unit === 0x2019) && nextKind > DIGIT && nextKind < HAN

interface Units {
  readonly texts: string[]
  readonly starts: number[]
  readonly ends: number[]
}

/** Takes the run without spaces that begins at `start`; returns where it ends. */
function pairs(reading: Reading, start: number): number {
  const { text, kinds, vocabulary } = reading
  let end = start
  let hangul = 0
  for (let at = start; at < text.length;) {
    const kind = kinds[at] as number
    if (kind < HAN && kind !== MARK && kind !== FORMAT) break
    at = after(kinds, at)
    if (kind !== FORMAT) end = at
    if (kind === HANGUL) hangul++
  }
  const run = text.slice(start, end)
  const units = composed(run) === run ? asTheyAre(run) : clusters(run)
  const { texts, starts, ends } = units
  if (texts.length === 1) reading.found(vocabulary.idOf(texts[0] ?? ''), start, end)
  for (let i = 0; i + 1 < texts.length; i++) {
    const pair = `${texts[i]}${texts[i + 1]}`
    reading.found(vocabulary.idOf(pair), start + (starts[i] ?? 0), start + (ends[i + 1] ?? 0))
  }
  reading.words += hangul > 0 ? 1 : texts.length / CHARACTERS_PER_WORD
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
    const cluster = run.slice(start, end).replace(INVISIBLE, '')
    for (const unit of composed(cluster)) push(units, unit, start, end)
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

function characters(reading: Reading): void {
  const { text, kinds, vocabulary } = reading
  for (let at = 0; at < text.length;) {
    const end = after(kinds, at)
    const character = text.slice(at, end)
    if (/[^\s\p{Cf}\p{M}]/u.test(character)) reading.found(vocabulary.idOf(character), at, end)
    at = end
  }
}

function push(out: Units, text: string, start: number, end: number): void {
  out.texts.push(text)
  out.starts.push(start)
  out.ends.push(end)
}
