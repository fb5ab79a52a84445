/**
 * Headers and footers that run through the pages of a source: lines that stand on at least half of
 * its pages, and on three at least, whatever numbers are in them. All but the first of those that no
 * cluster removes can go.
 *
 * Only chunks that say which page they are of (`metadata.page`, and `metadata.source_file` where there
 * are several) can tell.
 */
import type { Chunk } from '#events/chunks.ts'
import type { IndexedSpan } from './trims.ts'

const PAGES_MIN = 3
const PAGES_SHARE = 0.5
/** A longer line is a paragraph, and what repeats it is told of as such. */
const LINE_MAX = 200
const LINE = /[^\n]+\n?/g

export interface RunningLines {
  readonly cut: ReadonlyMap<number, readonly IndexedSpan[]>
  /** The first ones: they stay for all the others. */
  readonly kept: ReadonlyMap<number, readonly IndexedSpan[]>
}

interface Seen {
  /** The chunk that keeps it; −1: none as yet. */
  keeper: number
  readonly pages: Set<string>
}

interface Source {
  readonly pages: Set<string>
  readonly lines: Map<string, Seen>
}

/** By the index of the chunk, in the order of its text. */
export function runningLines(chunks: readonly Chunk[], removed: Uint8Array): RunningLines {
  const sources = sourcesOf(chunks, removed)
  const cut = new Map<number, readonly IndexedSpan[]>()
  const kept = new Map<number, readonly IndexedSpan[]>()
  chunks.forEach((chunk, index) => {
    const place = placeOf(chunk)
    const source = place && sources.get(place.source)
    if (source === undefined || source.pages.size < PAGES_MIN) return
    const least = Math.max(PAGES_MIN, PAGES_SHARE * source.pages.size)
    const found = linesOf(chunk.content).flatMap(({ key, start, end }) => {
      const seen = source.lines.get(key)
      if (seen === undefined || seen.keeper === -1 || seen.pages.size < least) return []
      return [{ start, end, keptIn: seen.keeper }]
    })
    const own = found.filter(({ keptIn }) => keptIn === index)
    const others = found.filter(({ keptIn }) => keptIn !== index)
    if (own.length > 0) kept.set(index, own)
    if (others.length > 0) cut.set(index, others)
  })
  return { cut, kept }
}

function sourcesOf(chunks: readonly Chunk[], removed: Uint8Array): ReadonlyMap<string, Source> {
  const sources = new Map<string, Source>()
  chunks.forEach((chunk, index) => {
    const place = placeOf(chunk)
    if (place === undefined) return
    const source: Source = sources.get(place.source) ?? { pages: new Set(), lines: new Map() }
    sources.set(place.source, source)
    source.pages.add(place.page)
    for (const { key } of linesOf(chunk.content)) {
      const seen: Seen = source.lines.get(key) ?? { keeper: -1, pages: new Set() }
      source.lines.set(key, seen)
      if (seen.keeper === -1 && removed[index] === 0) seen.keeper = index
      seen.pages.add(place.page)
    }
  })
  return sources
}

function placeOf({ metadata }: Chunk): { source: string; page: string } | undefined {
  const page = metadata?.['page']
  const source = metadata?.['source_file']
  if (typeof page !== 'number' && typeof page !== 'string') return undefined
  return { source: typeof source === 'string' ? source : '', page: String(page) }
}

/** A line with its end, and what is the same of it on every page. */
function linesOf(text: string): { key: string; start: number; end: number }[] {
  const lines = []
  for (const { 0: line, index: start } of text.matchAll(LINE)) {
    if (line.length > LINE_MAX) continue
    const key = line
      .normalize('NFKC')
      .trim()
      .replace(/\s+/g, ' ')
      .replace(/\p{Nd}+/gu, '0')
    // A rule or the frame of a table is no line of text.
    if (/[\p{L}\p{N}]/u.test(key)) lines.push({ key, start, end: start + line.length })
  }
  return lines
}

/** One row of spans without overlaps, those of `first` whole; both come in the order of the text. */
export function together(
  first: readonly IndexedSpan[],
  second: readonly IndexedSpan[],
): readonly IndexedSpan[] {
  const all = [...first]
  let next = 0
  for (const span of second) {
    while ((first[next]?.end ?? Infinity) <= span.start) next++
    let { start } = span
    for (let i = next; i < first.length; i++) {
      const taken = first[i] as IndexedSpan
      if (taken.start >= span.end) break
      if (taken.start > start) all.push({ ...span, start, end: taken.start })
      start = Math.max(start, taken.end)
    }
    if (start < span.end) all.push({ ...span, start })
  }
  return all.sort((a, b) => a.start - b.start)
}
