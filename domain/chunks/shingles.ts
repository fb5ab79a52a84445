/**
 * Shingles: k tokens in a row as one, so that the order of words is seen. Of a text with fewer tokens
 * than that, all of them are its one shingle.
 *
 * Source: Broder 1997. At k = 1 these are the tokens themselves.
 */
import { findGrams } from './grams.ts'

export interface Shingled {
  /** Each shingle once, as a number. */
  readonly sets: readonly Int32Array[]
  /** Greater than any of them. */
  readonly vocabulary: number
}

export function shingled(texts: readonly Int32Array[], vocabulary: number, size: number): Shingled {
  if (size === 1) return { sets: eachOnce(texts, vocabulary), vocabulary }
  const offsets = new Int32Array(texts.length + 1)
  texts.forEach((ids, i) => {
    offsets[i + 1] = (offsets[i] as number) + ids.length
  })
  const all = new Int32Array(offsets.at(-1) ?? 0)
  texts.forEach((ids, i) => all.set(ids, offsets[i]))
  const { firstAt } = findGrams(all, offsets, size, () => false)
  /** A shingle's number is the place where it stood first; those of short texts come behind. */
  const short = new Map<string, number>()
  const sets = texts.map((ids, i) => {
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

/** By a mark for each number of which text had it last: a `Set` takes some ten times as long. */
function eachOnce(texts: readonly Int32Array[], vocabulary: number): readonly Int32Array[] {
  const last = new Int32Array(vocabulary).fill(-1)
  return texts.map((ids, text) => {
    const once = new Int32Array(ids.length)
    let count = 0
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] as number
      if (last[id] === text) continue
      last[id] = text
      once[count++] = id
    }
    return once.slice(0, count)
  })
}

/** The same of one text, as texts themselves. */
export function shinglesOf(tokens: readonly string[], size: number): ReadonlySet<string> {
  if (size === 1) return new Set(tokens)
  if (tokens.length === 0) return new Set()
  const last = Math.max(0, tokens.length - size)
  return new Set(
    // No token has a space in it.
    Array.from({ length: last + 1 }, (_, at) => tokens.slice(at, at + size).join(' ')),
  )
}
