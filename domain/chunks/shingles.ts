/**
 * Shingles: k tokens in a row as one, so that the order of words is seen. Of a text with fewer tokens
 * than that, all of them are its one shingle.
 *
 * Source: Broder 1997. At k = 1 these are the tokens themselves.
 */
import { findGrams } from './grams.ts'
import { eachOnce, type Tokens } from './tokens.ts'

export interface Shingled {
  /** Each shingle once, as a number. */
  readonly sets: readonly Int32Array[]
  /** Greater than any of them. */
  readonly vocabulary: number
}

export function shingled(
  texts: readonly Pick<Tokens, 'ids' | 'previous'>[],
  vocabulary: number,
  size: number,
): Shingled {
  if (size === 1) return { sets: texts.map((text) => eachOnce(text, text.ids)), vocabulary }
  const offsets = new Int32Array(texts.length + 1)
  texts.forEach(({ ids }, i) => {
    offsets[i + 1] = (offsets[i] as number) + ids.length
  })
  const all = new Int32Array(offsets.at(-1) ?? 0)
  texts.forEach(({ ids }, i) => all.set(ids, offsets[i]))
  const { firstAt } = findGrams(all, offsets, size, () => false)
  /** A shingle's number is the place where it stood first; those of short texts come behind. */
  const short = new Map<string, number>()
  const sets = texts.map(({ ids }, i) => {
    const from = offsets[i] as number
    if (ids.length >= size) {
      const places = firstAt.subarray(from, from + ids.length - size + 1)
      return new Int32Array(new Set(places.map((first, at) => (first === -1 ? from + at : first))))
    }
    if (ids.length === 0) return new Int32Array()
    const key = ids.join()
    const number = short.get(key) ?? all.length + short.size
    short.set(key, number)
    return Int32Array.of(number)
  })
  return { sets, vocabulary: all.length + short.size }
}
