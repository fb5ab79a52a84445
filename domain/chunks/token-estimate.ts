/**
 * How many tokens an embedding model makes of a text (estimate `est-1`).
 *
 * Range: whole numbers from 0. Within about a tenth of `o200k_base` for prose in any script, and
 * linear in the text, which the real tokenizers are not: they can be made to run for minutes.
 * Source: coefficients fitted to `o200k_base`.
 *
 * Invariant: a text is a row of pieces, each of at most `PIECE_MAX` units, and the estimate is their
 * sum; so a text can be cut between any two pieces, and the parts' estimates are known.
 */
import {
  after,
  ARABIC_OR_HEBREW,
  CYRILLIC_OR_GREEK,
  DIGIT,
  HAN,
  HANGUL,
  INDIC,
  KANA,
  kindsOf,
  LATIN,
  MARK,
  NEWLINE,
  OTHER_LETTER,
  SPACE,
  THAI_LIKE,
} from './script.ts'

const PIECE_MAX = 64

const PER_CHARACTER: Readonly<Record<number, number>> = {
  [CYRILLIC_OR_GREEK]: 0.26,
  [ARABIC_OR_HEBREW]: 0.36,
  [INDIC]: 0.33,
  [OTHER_LETTER]: 0.36,
  [HAN]: 0.8,
  [KANA]: 0.75,
  [HANGUL]: 0.7,
  [THAI_LIKE]: 0.42,
}

/** Told the end of each piece and the tokens that it costs. */
export type OnPiece = (end: number, tokens: number, kind: number) => void

export function eachPiece(kinds: Uint8Array, onPiece: OnPiece): void {
  for (let start = 0; start < kinds.length;) {
    const kind = kinds[start] as number
    let end = after(kinds, start)
    const isAstral = end - start > 1
    let characters = 1
    // Scripts without spaces can be cut after each character; the others are read by the word.
    while (kind < HAN && end < kinds.length && end - start < PIECE_MAX - 1) {
      const next = kinds[end] as number
      if (next !== kind && !(next === MARK && kind >= DIGIT)) break
      if (next === kind) characters++
      end = after(kinds, end)
    }
    onPiece(end, tokensOf(kind, characters, isAstral), kind)
    start = end
  }
}

export function estimateTokens(text: string, kinds: Uint8Array = kindsOf(text)): number {
  let sum = 0
  let isBlank = true
  eachPiece(kinds, (_end, tokens, kind) => {
    sum += tokens
    if (kind !== SPACE && kind !== NEWLINE) isBlank = false
  })
  return isBlank ? 0 : Math.max(1, Math.round(sum))
}

function tokensOf(kind: number, length: number, isAstral: boolean): number {
  const perCharacter = PER_CHARACTER[kind]
  if (isAstral) return 1.2 * length
  if (perCharacter !== undefined) return perCharacter * length
  switch (kind) {
    case LATIN:
      return latinWord(length)
    case DIGIT:
      return Math.ceil(length / 3)
    case NEWLINE:
      return 1
    case SPACE:
      return length === 1 ? 0 : Math.max(1, length / 16)
    default:
      return length === 1 ? 0.9 : Math.max(1, length / 16)
  }
}

function latinWord(length: number): number {
  if (length <= 6) return 1
  return length <= 13 ? 1 + 0.1 * (length - 6) : 0.3 * length
}
