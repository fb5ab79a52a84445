/**
 * boundary (B): whether a chunk begins and ends where its text does.
 *
 *   B = (start + end) / 2 · max(.7, 1 − .1 · kinds of brackets that do not pair up)
 *   start: 1 capital, uncased letter, digit, opening mark · .9 code · .3 lower-case letter
 *          0 closing or continuing mark
 *   end:   1 end of a sentence, of a table row, of a block of code · .9 list item, or a script that
 *          marks no ends · .7 bracket · .5 ellipsis · .3 letter, digit or colon · .2 heading
 *          0 comma, opening bracket, hyphen
 *
 * Range 0 … 1, more is better. Source: HOPE (arXiv 2505.02171): of all that can be told of a chunk,
 * its standing alone matters most for what is answered from it.
 */
import { kindOf, THAI_LIKE } from './script.ts'

const CONTINUES = /^[\p{Pe}\p{Pf}\p{M}.,;:!?%、。，．；：！？…‥·]/u
const CODE_LINE =
  /^(?:import|export|from|def|class|function|const|let|var|if|for|while|return|public|private|static|fn|use|pub|struct|#include|package|@\w+)\b.*[(){};:='"]/
const LIST_ITEM = /^\s*(?:[-*+•‣◦▪–—]|\(?[\p{L}\p{N}]{1,3}[.)、])\s*\S/u
const HEADING = /^\s*(?:#{1,6}\s|=+\s*$|-{3,}\s*$)/
const CLOSERS = /["'»”’」』】》〉）)\]]+$/u

const BRACKETS: readonly (readonly [open: RegExp, close: RegExp])[] = [
  [/[(（]/g, /[)）]/g],
  [/\[/g, /\]/g],
  [/\{/g, /\}/g],
  [/「/g, /」/g],
  [/“/g, /”/g],
]

export function boundaryScore(text: string): number {
  const trimmed = text.trim()
  if (trimmed === '') return 0
  const unbalanced = BRACKETS.filter(
    ([open, close]) => count(trimmed, open) !== count(trimmed, close),
  )
  const kinds = unbalanced.length + (count(trimmed, /```/g) % 2)
  return ((startScore(trimmed) + endScore(trimmed)) / 2) * Math.max(0.7, 1 - 0.1 * kinds)
}

function startScore(text: string): number {
  if (CONTINUES.test(text)) return 0
  if (CODE_LINE.test(lineAt(text, 0))) return 0.9
  return /^\p{Ll}/u.test(text) ? 0.3 : 1
}

function endScore(text: string): number {
  const lastLine = text.slice(text.lastIndexOf('\n') + 1)
  if (/(?:…|\.\.\.|‥)["'»”’」』）)\]]*$/.test(text)) return 0.5
  if (/(?:\||\}|;|```)\s*$/.test(lastLine)) return 1
  if (HEADING.test(lastLine)) return 0.2
  const closers = CLOSERS.exec(text.slice(-16))?.[0].length ?? 0
  const open = text.slice(0, text.length - closers)
  if (/\p{Sentence_Terminal}$/u.test(open)) return 1
  if (LIST_ITEM.test(lastLine)) return 0.9
  if (/[)\]）】]["'”’」』]*$/u.test(text)) return 0.7
  const last = lastCodePoint(open)
  if (kindOf(last) === THAI_LIKE) return 0.9
  return /[\p{L}\p{M}\p{N}:：]$/u.test(open) ? 0.3 : 0
}

/** Ends in the middle of a sentence, as far as its last character tells. */
export function endsOpen(text: string): boolean {
  const trimmed = text.trim()
  return trimmed !== '' && endScore(trimmed) <= 0.3 && !isHeading(trimmed)
}

/** Nothing but a heading: one line, marked as one. */
export const isHeading = (text: string) => /^#{1,6}\s[^\n]*$/.test(text.trim())

const lineAt = (text: string, start: number) => text.slice(start).split('\n', 1)[0] ?? ''

function lastCodePoint(text: string): number {
  return Array.from(text.slice(-2)).at(-1)?.codePointAt(0) ?? 0
}

function count(text: string, pattern: RegExp): number {
  let found = 0
  pattern.lastIndex = 0
  while (pattern.test(text)) found++
  return found
}
