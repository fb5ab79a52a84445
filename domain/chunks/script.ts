/**
 * What kind of character a code point is, as far as the scores want to know.
 *
 * Invariant: nothing here asks a dictionary or the locale. A script's letters are told by properties
 * of Unicode that do not change for characters that have been assigned.
 */

/** The second half of a character that takes two units. */
export const REST = 0
/** In this order: from `DIGIT` on they make words, from `HAN` on they are written without spaces. */
export const BAD = 1
export const SPACE = 2
export const NEWLINE = 3
/** Invisible: joiners, soft hyphens, marks of direction. */
export const FORMAT = 4
export const PUNCTUATION = 5
export const SYMBOL = 6
export const MARK = 7
export const DIGIT = 8
export const LATIN = 9
export const CYRILLIC_OR_GREEK = 10
export const ARABIC_OR_HEBREW = 11
export const INDIC = 12
export const OTHER_LETTER = 13
export const HAN = 14
export const KANA = 15
export const HANGUL = 16
/** Thai, Lao, Khmer, Myanmar: no spaces between words, and no mark at a sentence's end. */
export const THAI_LIKE = 17

const RULES: readonly (readonly [kind: number, pattern: RegExp])[] = [
  [BAD, /[\uFFFD]/u],
  [NEWLINE, /[\n\v\f\r\u0085\u2028\u2029]/u],
  [SPACE, /\s/u],
  [FORMAT, /\p{Cf}/u],
  [BAD, /\p{C}/u],
  [THAI_LIKE, /(?=[\p{L}\p{M}])[\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}]/u],
  [HANGUL, /(?=\p{L})\p{sc=Hang}/u],
  [KANA, /(?=\p{L})[\p{scx=Kana}\p{scx=Hira}](?<!\p{sc=Han})/u],
  [HAN, /(?=[\p{L}\p{N}])\p{sc=Han}/u],
  [DIGIT, /\p{N}/u],
  [
    INDIC,
    /(?=[\p{L}\p{M}])[\p{sc=Deva}\p{sc=Beng}\p{sc=Guru}\p{sc=Gujr}\p{sc=Orya}\p{sc=Taml}\p{sc=Telu}\p{sc=Knda}\p{sc=Mlym}\p{sc=Sinh}]/u,
  ],
  [MARK, /\p{M}/u],
  [LATIN, /(?=\p{L})\p{sc=Latn}/u],
  [CYRILLIC_OR_GREEK, /(?=\p{L})[\p{sc=Cyrl}\p{sc=Grek}]/u],
  [ARABIC_OR_HEBREW, /(?=\p{L})[\p{sc=Arab}\p{sc=Hebr}]/u],
  [OTHER_LETTER, /\p{L}/u],
  [PUNCTUATION, /\p{P}/u],
]

/** One byte for each code point, filled as they are met; 0: not met yet. */
const kinds = new Uint8Array(0x110000)

export function kindOf(codePoint: number): number {
  const known = kinds[codePoint] ?? BAD
  if (known !== 0) return known
  const character = String.fromCodePoint(codePoint)
  const kind = RULES.find(([, pattern]) => pattern.test(character))?.[0] ?? SYMBOL
  kinds[codePoint] = kind
  return kind
}

/** Of each unit of a text; what reads characters one after the other reads it best from here. */
export function kindsOf(text: string): Uint8Array {
  const out = new Uint8Array(text.length)
  for (let at = 0; at < out.length; at++) {
    const unit = text.charCodeAt(at)
    const known = kinds[unit] as number
    if (known !== 0 && !isHighSurrogate(unit)) {
      out[at] = known
      continue
    }
    const codePoint = text.codePointAt(at) as number
    out[at] = kindOf(codePoint)
    if (codePoint > 0xffff) at++
  }
  return out
}

const isHighSurrogate = (unit: number) => (unit & 0xfc00) === 0xd800

/** Where the character after the one at `at` begins. */
export const after = (textKinds: Uint8Array, at: number) =>
  textKinds[at + 1] === REST ? at + 2 : at + 1

export const unitsOf = (codePoint: number) => (codePoint > 0xffff ? 2 : 1)
