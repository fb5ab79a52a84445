/**
 * cleanliness (N): how little of a chunk is debris. The worst of seven signs decides.
 *
 *   1 − 40 · broken characters / characters (mojibake counts twice; 3 % broken is 0)
 *   letters and digits · digits · addresses · white space · `#` and ellipses · overlong tokens ·
 *   boilerplate: shares, each turned into a score by a ramp
 *
 * Range 0 … 1, more is better. Sources: the heuristics of Gopher, C4, FineWeb and NeMo Curator, as
 * ramps instead of cuts, since their thresholds come from English; ftfy for what mojibake looks like.
 */
import { ramp } from './ramps.ts'
import { BAD, DIGIT, MARK, NEWLINE, REST, SPACE } from './script.ts'
import type { Tokens } from './tokens.ts'

const BROKEN_WEIGHT = 40
const LONG_TOKEN = 40
/** A line longer than this is prose that only mentions what boilerplate says. */
const BOILERPLATE_LINE_MAX = 240

const MOJIBAKE =
  /[ÃÂ][\u0080-\u00bf‚ƒ„†‡ˆ‰Š‹ŒŽ‘“•˜™š›œžŸ]|â(?:€.?|[\u0080-\u009f])|ï¿½|ï»¿|[ÐÑ][\u0080-\u00bf]|[åäæçèé][\u0080-\u00bf]{2}/g
const ADDRESS = /(?:https?:\/\/|www\.)[^\s<>"']+/g
const OVERLONG = /[A-Za-z0-9+/=_-]{41,}/g
const MARKUP = /#|…|\.{3}/g
const BOILERPLATE =
  /cookies?\b|privacy policy|terms (?:of|and) (?:use|service|conditions)|all rights reserved|lorem ipsum|enable javascript|subscribe to our|sign up for our|skip to (?:main )?content|版权所有|隐私政策|使用条款|服务条款|プライバシーポリシー|利用規約|無断転載|개인정보처리방침|이용약관|무단전재/i

export function cleanliness(text: string, kinds: Uint8Array, tokens: Tokens): number {
  let characters = 0
  let broken = 0
  let blank = 0
  let written = 0
  let digits = 0
  let run = 0
  let longestRun = 0
  for (let at = 0; at < kinds.length; at++) {
    const kind = kinds[at] as number
    if (kind === REST) continue
    characters++
    const isBlank = kind === SPACE || kind === NEWLINE
    if (isBlank) blank++
    else if (kind === BAD) broken++
    else if (kind >= MARK) written++
    run = isBlank ? 0 : run + 1
    if (run > longestRun) longestRun = run
    if (kind === DIGIT) digits++
  }
  const visible = characters - blank
  if (visible === 0) return 0
  broken += 2 * matched(text, MOJIBAKE).count
  const words = Math.max(1, tokens.words)
  return Math.min(
    Math.max(0, 1 - (BROKEN_WEIGHT * broken) / characters),
    ramp(written / visible, 0.35, 0.65),
    1 - ramp(digits / visible, 0.3, 0.8),
    1 - ramp(matched(text, ADDRESS).length / characters, 0.2, 0.8),
    1 - ramp(blank / characters, 0.3, 0.7),
    1 - ramp(matched(text, MARKUP).count / words, 0.1, 0.5),
    1 - ramp((longestRun > LONG_TOKEN ? overlong(text, tokens) : 0) / characters, 0.1, 0.5),
    1 - ramp(boilerplate(text) / characters, 0.15, 0.8),
  )
}

function matched(text: string, pattern: RegExp): { count: number; length: number } {
  const matches = text.match(pattern) ?? []
  return { count: matches.length, length: matches.reduce((sum, { length }) => sum + length, 0) }
}

function overlong(text: string, { starts, ends }: Tokens): number {
  let length = 0
  ends.forEach((end, i) => {
    const size = end - (starts[i] ?? end)
    if (size > LONG_TOKEN) length += size
  })
  return Math.max(length, matched(text, OVERLONG).length)
}

function boilerplate(text: string): number {
  let length = 0
  for (const line of text.split('\n')) {
    if (line.length <= BOILERPLATE_LINE_MAX && BOILERPLATE.test(line)) length += line.length + 1
  }
  return Math.min(length, text.length)
}
