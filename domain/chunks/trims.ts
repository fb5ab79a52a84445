/**
 * What can be cut from each chunk, since it stands elsewhere, or stood before in the chunk.
 *
 * Invariants:
 * 1. However many of the plans are followed, and of the clusters, nothing is lost of which there were
 *    two: a row of 8 tokens that chunks share has a home, the first place where it stands in a chunk
 *    that no cluster removes, and no plan cuts into a home.
 * 2. What is cut stands in the chunk that is told, in a row that nobody cuts: of 8 tokens in another
 *    chunk, of 3 in the same. A line that runs through pages stays where it is told to be kept.
 * 3. Linear in the text.
 */
import type { Span } from '#events/chunks.ts'
import { REPEATED_ROW, SHARED_ROW, type LaidOut } from './laid-out.ts'
import type { RunningLines } from './running-lines.ts'
import type { Tokens } from './tokens.ts'

export type IndexedSpan = Omit<Span, 'kept_in'> & { readonly keptIn: number }

type Places = readonly Pick<Span, 'start' | 'end'>[]

/** Of each chunk, in the order of its text and without its running lines; `removed`: by a cluster. */
export function trimsOf(
  laid: LaidOut,
  running: RunningLines,
  removed: Uint8Array,
): readonly (readonly IndexedSpan[])[] {
  const { texts } = laid
  const trims: (readonly IndexedSpan[])[] = texts.map(() => [])
  const homes = new Int32Array(laid.owners.length).fill(-1)
  // What is to be removed is no home, and may go wherever that stands.
  const stay = texts.flatMap((_, index) => (removed[index] === 0 ? [index] : []))
  const go = texts.flatMap((_, index) => (removed[index] === 0 ? [] : [index]))
  for (const index of [...stay, ...go]) {
    const tokens = texts[index] as Tokens
    if (tokens.ids.length === 0) continue
    const apart = new Uint8Array(tokens.ids.length)
    mark(apart, tokens, running.cut.get(index) ?? [], CUT)
    mark(apart, tokens, running.kept.get(index) ?? [], KEPT)
    const copies = laid.copies.get(index)
    const keepers =
      copies === undefined
        ? keepersIn(index, { laid, homes, apart, isHome: removed[index] === 0 })
        : keepersOfCopy(index, { copies, apart, removed, running })
    trims[index] = spansOf(keepers, tokens)
  }
  return trims
}

/** Of a token: left to be cut; cut as part of a running line; kept, whatever else is said. */
const FREE = 0
const CUT = 1
const KEPT = 2

function mark(apart: Uint8Array, { starts, ends }: Tokens, places: Places, as: number): void {
  let at = 0
  for (const { start, end } of places) {
    while (at < apart.length && (ends[at] as number) <= start) at++
    for (; at < apart.length && (starts[at] as number) < end; at++) apart[at] = as
  }
}

interface Looking {
  readonly laid: LaidOut
  /** Of the first place of a row, where it has its home; −1: nowhere as yet. */
  readonly homes: Int32Array
  readonly apart: Uint8Array
  readonly isHome: boolean
}

/** Per token: the chunk that keeps it, plus 1. */
function keepersIn(index: number, { laid, homes, apart, isHome }: Looking): Int32Array {
  const { offsets, owners, shared, repeated, isElsewhere } = laid
  const from = offsets[index] as number
  const keepers = new Int32Array(apart.length)
  for (let at = 0; at < apart.length; at++) {
    const first = shared.firstAt[from + at] as number
    if (first === -1 || shared.isShared[first] === 0) continue
    const home = homes[first] as number
    if (home !== -1) {
      if (!isElsewhere(home, from + at)) continue
      keepers.fill((owners[home] as number) + 1, at, at + SHARED_ROW)
    } else if (isHome && !apart.subarray(at, at + SHARED_ROW).includes(CUT)) {
      homes[first] = from + at
      apart.fill(KEPT, at, at + SHARED_ROW)
    }
  }
  for (let at = 0; at < apart.length; at++) if (apart[at] !== FREE) keepers[at] = 0
  for (let at = 0; at < apart.length; at++) {
    const first = repeated[from + at] as number
    if (first === -1 || first + REPEATED_ROW > from + at) continue
    const isThere = (one: number) => keepers[one] === 0 && apart[one] !== CUT
    const before = first - from
    if (!(isThere(before) && isThere(before + 1) && isThere(before + 2))) continue
    for (let one = at; one < at + REPEATED_ROW; one++) {
      if (keepers[one] === 0 && apart[one] === FREE) keepers[one] = index + 1
    }
  }
  return keepers
}

interface Copied {
  readonly copies: readonly number[]
  readonly apart: Uint8Array
  readonly removed: Uint8Array
  readonly running: RunningLines
}

function keepersOfCopy(index: number, { copies, apart, removed, running }: Copied): Int32Array {
  const home = copies.find((one) => removed[one] === 0 && !running.cut.has(one))
  if (home === undefined || home === index) return new Int32Array(apart.length)
  return Int32Array.from(apart, (token) => (token === FREE ? home + 1 : 0))
}

function spansOf(keepers: Int32Array, { starts, ends }: Tokens): IndexedSpan[] {
  const spans: IndexedSpan[] = []
  for (let at = 0; at < keepers.length;) {
    const keeper = keepers[at] as number
    let end = at + 1
    while (end < keepers.length && keepers[end] === keeper) end++
    if (keeper > 0) {
      // Pairs of characters overlap: the span is between what is not cut.
      const isAfterKept = at > 0 && keepers[at - 1] === 0
      const start = Math.max(starts[at] as number, isAfterKept ? (ends[at - 1] as number) : 0)
      const stop = Math.min(ends[end - 1] as number, starts[end] ?? Infinity)
      if (stop > start) spans.push({ start, end: stop, keptIn: keeper - 1 })
    }
    at = end
  }
  return spans
}
