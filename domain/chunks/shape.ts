/**
 * shape (S) and richness (D): whether a chunk is built like text, and of more than a few words.
 *
 *   S = mean of: words per sentence (best from 6 to 45) ·
 *       from 5 lines on, the share of short lines, and line breaks per word ·
 *       from 3 lines on, the shares of list items and of lines that end in an ellipsis
 *   D = min(ramp(MATTR over 50 tokens, .25, .60), word length (best from 3 to 10))
 *
 * Range 0 … 1, more is better. Sources: FineWeb and Gopher for the lines; MATTR (Covington and
 * McFall 2010) for richness, which unlike other ratios does not depend on the text's length.
 */
import { plateau, ramp } from './ramps.ts'
import { HAN, kindOf, THAI_LIKE } from './script.ts'
import type { Tokens } from './tokens.ts'

const SHORT_LINE = 30
/** A line of a script without spaces says as much in half the characters. */
const SHORT_LINE_UNSPACED = 15
const WINDOW = 50
const BULLET = /^\s*(?:[-*+•‣◦▪]|\d{1,3}[.)])\s/u
export const SENTENCE_END =
  /[。！？｡]+|(?<!\p{Sentence_Terminal})\p{Sentence_Terminal}+(?=["'»”’)\]]*(?:\s|$))/gu

export function shapeScore(text: string, { words }: Tokens): number {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const scores = [sentenceScore(text, words)]
  if (lines.length >= 5) {
    const short = lines.filter((line) => line.trim().length <= shortLine(line))
    scores.push(1 - ramp(short.length / lines.length, 0.67, 1))
    scores.push(1 - ramp((text.split('\n').length - 1) / Math.max(1, words), 0.3, 1))
  }
  if (lines.length >= 3) {
    const bullets = lines.filter((line) => BULLET.test(line)).length / lines.length
    const trailing = lines.filter((line) => /(?:…|\.{3})\s*$/.test(line)).length / lines.length
    scores.push(Math.min(1 - 0.5 * ramp(bullets, 0.9, 1), 1 - ramp(trailing, 0.3, 0.8)))
  }
  return scores.reduce((sum, score) => sum + score, 0) / scores.length
}

function sentenceScore(text: string, words: number): number {
  const last = Array.from(text.trimEnd().slice(-2)).at(-1)?.codePointAt(0) ?? 0
  if (kindOf(last) === THAI_LIKE) return 1
  const sentences = text.match(SENTENCE_END)?.length ?? 0
  return plateau(words / Math.max(1, sentences), [0, 6, 45, 140])
}

function shortLine(line: string): number {
  return kindOf(line.trim().codePointAt(0) ?? 0) >= HAN ? SHORT_LINE_UNSPACED : SHORT_LINE
}

export function richnessScore({ previous, ...tokens }: Tokens): number {
  const richness = ramp(movingTypeTokenRatio(previous), 0.25, 0.6)
  const { spacedWords, spacedCharacters, words } = tokens
  if (spacedWords === 0 || spacedWords < words / 2) return richness
  return Math.min(richness, plateau(spacedCharacters / spacedWords, [1.5, 3, 10, 18]))
}

/**
 * The mean share of different tokens in each window of 50; one pass. Each occurrence counts in the
 * windows that hold it and none of the same token before it.
 */
function movingTypeTokenRatio(previous: Int32Array): number {
  if (previous.length === 0) return 0
  const size = Math.min(WINDOW, previous.length)
  const lastStart = previous.length - size
  let sum = 0
  for (let at = 0; at < previous.length; at++) {
    const first = Math.max((previous[at] as number) + 1, at - size + 1)
    sum += Math.max(0, Math.min(at, lastStart) - first + 1)
  }
  return sum / size / (lastStart + 1)
}
