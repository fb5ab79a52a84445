/**
 * Full text of any script in Postgres's terms: a text as a row of words for `to_tsvector('simple')`,
 * and what somebody looks for as the `tsquery` that finds it there.
 *
 * Where words are not spaced (Chinese, Japanese, Korean, Thai and its neighbours) each character is a
 * word, so that any part of a name is a phrase, and one index finds both without a dictionary.
 *
 * Invariants:
 * 1. Both sides are cut the same way: by us, not by what Postgres holds for a host, a path or a
 *    hyphen. What reaches it has letters, marks, digits and spaces only, so nothing in it is syntax.
 * 2. No word is longer than a lexeme may be.
 */

const NO_WORD = /[^\p{L}\p{M}\p{N}]+/gu
const UNSPACED =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Hang}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Mymr}]\p{M}*/gu
/** In code points; a lexeme has room for 2,046 bytes. */
const TOO_LONG = /(\S{200})\S+/gu

export function searchedWords(text: string): string {
  const plain = text.normalize('NFKC').toLowerCase().replace(NO_WORD, ' ')
  return plain.replace(UNSPACED, ' $& ').replace(/\s+/g, ' ').trim().replace(TOO_LONG, '$1')
}

/**
 * Each word of `asked` has to be there, its parts side by side, the last one perhaps only begun.
 * Undefined: there is no word in it, and nothing to be found.
 */
export function searchQuery(asked: string): string | undefined {
  const words = asked
    .split(/\s+/)
    .map((word) => searchedWords(word))
    .filter((word) => word !== '')
  if (words.length === 0) return undefined
  return words.map((word) => `('${word.split(' ').join(`' <-> '`)}':*)`).join(' & ')
}
