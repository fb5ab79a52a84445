/** The tokens of all texts of an analysis, one behind the other, and which rows of them come again. */
import { findGrams, findRepeats, type Grams } from './grams.ts'
import type { Tokens } from './tokens.ts'

export const REPEATED_ROW = 3
export const SHARED_ROW = 8

export interface LaidOut {
  readonly texts: readonly Tokens[]
  /** `offsets[i] … offsets[i + 1]` are text i's tokens. */
  readonly offsets: Int32Array
  /** Of each place, the text that it is in. */
  readonly owners: Int32Array
  /** Rows of 8, across texts. */
  readonly shared: Grams
  /** Of each place, where in its own text the row of 3 stood first. */
  readonly repeated: Int32Array
  /** Of a text too short to share a row, all the texts that equal it, itself too. */
  readonly copies: ReadonlyMap<number, readonly number[]>
  /** Two places are of two texts, and not one place of what both were cut from. */
  readonly isElsewhere: (a: number, b: number) => boolean
}

/** `places`: where each text lay in the one that it was cut from; what lies there is not said twice. */
export function layOut(texts: readonly Tokens[], places?: Float64Array): LaidOut {
  const offsets = new Int32Array(texts.length + 1)
  texts.forEach(({ ids }, i) => {
    offsets[i + 1] = (offsets[i] as number) + ids.length
  })
  const all = new Int32Array(offsets.at(-1) ?? 0)
  const owners = new Int32Array(all.length)
  texts.forEach(({ ids }, i) => {
    all.set(ids, offsets[i])
    owners.fill(i, offsets[i], offsets[i + 1])
  })
  const ownerOf = (at: number) => owners[at] as number
  const placeOf = (at: number) => {
    const owner = ownerOf(at)
    const start = texts[owner]?.starts[at - (offsets[owner] as number)] ?? 0
    return (places?.[owner] ?? 0) + start
  }
  const isElsewhere = (a: number, b: number) =>
    ownerOf(a) !== ownerOf(b) && (places === undefined || placeOf(a) !== placeOf(b))
  return {
    ...{ texts, offsets, owners, isElsewhere },
    shared: findGrams(all, offsets, SHARED_ROW, isElsewhere),
    repeated: findRepeats(all, offsets, REPEATED_ROW),
    copies: shortCopies(texts),
  }
}

function shortCopies(texts: readonly Tokens[]): Map<number, readonly number[]> {
  const equal = new Map<string, number[]>()
  texts.forEach(({ ids }, index) => {
    if (ids.length === 0 || ids.length >= SHARED_ROW) return
    const key = ids.join()
    const indexes = equal.get(key) ?? []
    equal.set(key, indexes)
    indexes.push(index)
  })
  const copies = new Map<number, readonly number[]>()
  for (const indexes of equal.values()) {
    if (indexes.length > 1) for (const index of indexes) copies.set(index, indexes)
  }
  return copies
}
