/**
 * Where chunks lay in the text that a sliding window has cut them from: what two neighbours share on
 * purpose then lies in one place.
 *
 * Invariants:
 * 1. A neighbour overlaps with the longest end of the one before that it begins with, white space at
 *    the edges aside; never with all of either, since that is a copy.
 * 2. Neighbours that do not overlap, or are of two sources, have no place in common.
 * 3. Linear in the text.
 */
import type { Chunk } from '#events/chunks.ts'

/** Of each chunk, where its first character lay. */
export function placesOf(chunks: readonly Chunk[]): Float64Array {
  const places = new Float64Array(chunks.length)
  for (let i = 1; i < chunks.length; i++) {
    const [before, chunk] = [chunks[i - 1] as Chunk, chunks[i] as Chunk]
    const end = (places[i - 1] as number) + before.content.length
    const overlap = isOfOneSource(before, chunk) ? overlapOf(before.content, chunk.content) : 0
    const trailing = before.content.length - before.content.trimEnd().length
    const leading = chunk.content.length - chunk.content.trimStart().length
    places[i] = overlap > 0 ? end - trailing - overlap - leading : end + 1
  }
  return places
}

const isOfOneSource = (one: Chunk, other: Chunk) =>
  one.metadata?.['source_file'] === other.metadata?.['source_file']

/** How many characters of the end of one are the beginning of the other (Knuth, Morris, Pratt). */
export function overlapOf(before: string, after: string): number {
  const text = before.trimEnd()
  const pattern = after.trimStart()
  const longest = Math.min(text.trimStart().length, pattern.trimEnd().length) - 1
  if (longest <= 0) return 0
  const fallback = fallbacksOf(pattern.slice(0, longest))
  let matched = 0
  for (let at = text.length - longest; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    while (matched > 0 && pattern.charCodeAt(matched) !== unit) matched = fallback[matched - 1] ?? 0
    if (pattern.charCodeAt(matched) === unit) matched++
  }
  return matched
}

/** Of each beginning, the longest shorter beginning that it ends with. */
function fallbacksOf(pattern: string): Int32Array {
  const fallback = new Int32Array(pattern.length)
  for (let at = 1, matched = 0; at < pattern.length; at++) {
    const unit = pattern.charCodeAt(at)
    while (matched > 0 && pattern.charCodeAt(matched) !== unit) matched = fallback[matched - 1] ?? 0
    if (pattern.charCodeAt(matched) === unit) matched++
    fallback[at] = matched
  }
  return fallback
}
