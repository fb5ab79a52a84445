/**
 * What of the trims of a chunk may be cut: whole sentences and lines, and what a sliding window has
 * left at an edge.
 *
 * A cut within a sentence would leave two halves that say something else. A cut takes along the marks
 * and the white space that end its sentences.
 *
 * Invariants: no letter and no digit is cut that the trims leave; linear in the texts.
 */
import { DIGIT, kindsOf, MARK, REST } from './script.ts'
import { SENTENCE_END } from './shape.ts'
import type { IndexedSpan } from './trims.ts'

/** Windows cut words: so much may be left of one. */
const EDGE = 40

/** Where it begins and ends, and where its first and last word do. */
interface Sentence {
  readonly start: number
  end: number
  readonly firstWord: number
  readonly lastWord: number
}

export function wholeSentences(
  trims: readonly IndexedSpan[],
  index: number,
  contentOf: (index: number) => string,
): readonly IndexedSpan[] {
  if (trims.length === 0) return trims
  const text = contentOf(index)
  const kinds = kindsOf(text)
  const sentences = sentencesOf(text, kinds)
  let next = 0
  return runsOf(trims, kinds).flatMap((run) => {
    const [first, last] = [run[0] as IndexedSpan, run.at(-1) as IndexedSpan]
    while ((sentences[next]?.firstWord ?? Infinity) < first.start) next++
    const from = next
    while ((sentences[next]?.lastWord ?? Infinity) <= last.end) next++
    if (first.start <= EDGE && last.keptIn !== index) {
      if (beginsAsEnds(text, contentOf(last.keptIn), last.end)) return run
    }
    if (text.length - last.end <= EDGE && first.keptIn !== index) {
      if (beginsAsEnds(contentOf(first.keptIn), text, text.length - first.start)) return run
    }
    if (from === next) return []
    if (from === 0 && next === sentences.length) return within(run, 0, text.length)
    return within(run, sentences[from]?.start ?? 0, sentences[next - 1]?.end ?? 0)
  })
}

/** Trims with no word between them. */
function runsOf(trims: readonly IndexedSpan[], kinds: Uint8Array): IndexedSpan[][] {
  const runs: IndexedSpan[][] = []
  let end = -1
  for (const trim of trims) {
    const isNext = end !== -1 && lastWordIn(kinds, end, trim.start) === end
    if (isNext) runs.at(-1)?.push(trim)
    else runs.push([trim])
    end = trim.end
  }
  return runs
}

/** As much of a run as lies from `start` to `end`, without gaps. */
function within(run: readonly IndexedSpan[], start: number, end: number): readonly IndexedSpan[] {
  const inside = run.filter((trim) => trim.end > start && trim.start < end)
  return inside.map((trim, i) => ({
    ...trim,
    start: i === 0 ? start : trim.start,
    end: inside[i + 1]?.start ?? end,
  }))
}

/** Whether the first so many units of a text, or a few more, are the last ones of another. */
function beginsAsEnds(text: string, other: string, units: number): boolean {
  for (let length = units; length <= Math.min(units + EDGE, other.length - 1); length++) {
    if (text.startsWith(other.slice(other.length - length))) return true
  }
  return false
}

/** Those that have a word; what has none belongs to the one before it on its line, or to none. */
function sentencesOf(text: string, kinds: Uint8Array): readonly Sentence[] {
  const sentences: Sentence[] = []
  let start = 0
  let beginsLine = true
  const take = (end: number) => {
    let firstWord = start
    while (firstWord < end && (kinds[firstWord] as number) < DIGIT) firstWord++
    const before = sentences.at(-1)
    if (firstWord < end) {
      sentences.push({ start, end, firstWord, lastWord: lastWordIn(kinds, start, end) })
    } else if (before !== undefined && !beginsLine) before.end = end
    start = end
  }
  for (const { 0: marks, index } of text.matchAll(ENDS)) {
    take(index + marks.length)
    beginsLine = marks.includes('\n')
  }
  take(text.length)
  return sentences
}

/** Marks of an end, with what closes behind them and the white space up to the next sentence. */
const ENDS = new RegExp(`(?:(?:${SENTENCE_END.source})["'»”’」』】》〉）)\\]]*|\\n)\\s*`, 'gu')

function lastWordIn(kinds: Uint8Array, start: number, end: number): number {
  for (let at = end; at > start; at--) {
    const kind = kinds[kinds[at - 1] === REST ? at - 2 : at - 1] as number
    if (kind >= MARK) return at
  }
  return start
}
