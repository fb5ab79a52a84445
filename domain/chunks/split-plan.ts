/**
 * Where to split a chunk that is too large: at headings, blank lines, lines, sentences, clauses and
 * spaces, in this order of liking, into parts of about 256 tokens (.64 of the most, 400).
 *
 * Cost of a part = the cost of the place where it ends + 10 · ((tokens − 256) / 256)², and the plan
 * is the cheapest row of parts (dynamic programming). Structure decides, not vocabulary: where the
 * words change says no more than chance about where paragraphs do.
 *
 * Invariants:
 * 1. The parts are the text, whole, in order; none ends within a surrogate pair.
 * 2. No part has more than `high` tokens, if that is `PART_MIN` or more.
 * 3. Linear in the text: a part looks back over at most so many places as fit into it, and where
 *    words are tiny or the part is large not every place is kept.
 */
import type { Part, TargetTokens } from '#events/chunks.ts'
import { HAN, kindsOf, NEWLINE, PUNCTUATION, SPACE } from './script.ts'
import { eachPiece } from './token-estimate.ts'

/** Room for two places where anything can be parted, however long its pieces. */
export const PART_MIN = 64
const TARGET_SHARE = 0.64
/** As many places as a part of 400 tokens has words. */
const PLACES_PER_PART = 400
const DEVIATION_WEIGHT = 10

const HEADING_COST = 0
const BLANK_LINE_COST = 1
const LINE_COST = 3
const SENTENCE_COST = 5
const CLAUSE_COST = 12
const SPACE_COST = 25
const HARD_COST = 60

interface Place {
  readonly offset: number
  /** Tokens of the text up to here. */
  readonly tokens: number
  readonly cost: number
}

export function splitPlan(
  text: string,
  { low, high }: Pick<TargetTokens, 'low' | 'high'>,
): readonly Part[] {
  const target = Math.max(low, TARGET_SHARE * high)
  const places = placesIn(text, high / PLACES_PER_PART)
  const best = new Float64Array(places.length).fill(Infinity)
  const cameFrom = new Int32Array(places.length)
  best[0] = 0
  let earliest = 0
  for (let to = 1; to < places.length; to++) {
    const { tokens, cost } = places[to] as Place
    while (earliest < to - 1 && tokens - (places[earliest] as Place).tokens > high) {
      earliest++
    }
    for (let from = earliest; from < to; from++) {
      const size = tokens - (places[from] as Place).tokens
      const total = (best[from] as number) + cost + deviation(size, target)
      if (total >= (best[to] as number)) continue
      best[to] = total
      cameFrom[to] = from
    }
  }
  const parts: Part[] = []
  for (let to = places.length - 1; to > 0; to = cameFrom[to] as number) {
    const from = places[cameFrom[to] as number] as Place
    const end = places[to] as Place
    parts.push({
      start: from.offset,
      end: end.offset,
      tokens: Math.round(end.tokens - from.tokens),
    })
  }
  return parts.reverse()
}

const deviation = (tokens: number, target: number) =>
  DEVIATION_WEIGHT * ((tokens - target) / target) ** 2

/**
 * Every place where a piece of the estimate ends is one, if only as the last resort; of those within
 * `grain` tokens the best.
 */
function placesIn(text: string, grain: number): Place[] {
  const places: Place[] = [{ offset: 0, tokens: 0, cost: 0 }]
  let tokens = 0
  let start = 0
  eachPiece(kindsOf(text), (end, pieceTokens, kind) => {
    tokens += pieceTokens
    const previous = places.at(-1) as Place
    const cost = end === text.length ? 0 : costAt(text, start, end, kind)
    // Words and marks can be parted only where nothing better is near: keep a few such places.
    const isFar = tokens - previous.tokens >= HARD_EVERY_TOKENS
    const isNear = places.length > 1 && tokens - previous.tokens < grain
    if (end === text.length || (isNear ? cost < previous.cost : cost < HARD_COST || isFar)) {
      // White space belongs to the part before it.
      if (isNear && end < text.length) places.pop()
      places.push({ offset: end, tokens, cost })
    }
    start = end
  })
  return places
}

const HARD_EVERY_TOKENS = 16

function costAt(text: string, start: number, end: number, kind: number): number {
  if (kind === NEWLINE) {
    const next = text.slice(end, end + 8)
    if (/^[\n\r]/.test(next)) return HARD_COST
    if (/^#{1,6}\s/.test(next)) return HEADING_COST
    return /\n[ \t\r]*\n$/.test(text.slice(Math.max(0, end - 16), end))
      ? BLANK_LINE_COST
      : LINE_COST
  }
  const isSpace = kind === SPACE
  if (!isSpace && kind !== PUNCTUATION) return kind >= HAN ? SPACE_COST + 10 : HARD_COST
  const before = text.slice(Math.max(0, (isSpace ? start : end) - 4), isSpace ? start : end)
  const isUnspaced = /[。！？、，；：]["'”’」』）]*$/u.test(before)
  if (!isSpace && !isUnspaced) return HARD_COST
  // A mark that more marks follow is not the end yet.
  if (!isSpace && /^[\p{P}\s]/u.test(text.slice(end, end + 1))) return HARD_COST
  if (/\p{Sentence_Terminal}["'”’」』）)\]]*$/u.test(before)) return SENTENCE_COST
  return /\p{P}$/u.test(before) ? CLAUSE_COST : SPACE_COST
}
