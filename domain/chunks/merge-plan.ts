/**
 * Which neighbours should be one chunk: scraps, headings without their text, and sentences that were
 * cut in two; as long as the result is not too large.
 *
 * Invariants:
 * 1. Neighbours only, in their order, of one source; a heading goes with what follows it.
 * 2. So many at once as anybody reads: each of them is told of all, which would grow with the square.
 */
import { RELATED_MAX, type Chunk, type TargetTokens } from '#events/chunks.ts'
import { endsOpen, isHeading } from './boundaries.ts'
import { HAN, kindOf } from './script.ts'

export interface Mergeable extends Chunk {
  readonly tokens: number
}

export interface Merge {
  readonly chunk_ids: readonly string[]
  /** What to put between them: nothing where a sentence of a script without spaces goes on. */
  readonly joiner: string
}

export function mergePlans(
  chunks: readonly Mergeable[],
  target: Pick<TargetTokens, 'low' | 'high'>,
): readonly Merge[] {
  const groups: Mergeable[][] = []
  for (const chunk of chunks) {
    const group = groups.at(-1)
    const last = group?.at(-1)
    if (group !== undefined && last !== undefined && belongs(group, last, chunk, target)) {
      group.push(chunk)
    } else groups.push([chunk])
  }
  return groups
    .filter((group) => group.length > 1)
    .map((group) => ({
      chunk_ids: group.map(({ chunk_id }) => chunk_id),
      joiner: joinerOf(group),
    }))
}

function belongs(
  group: readonly Mergeable[],
  last: Mergeable,
  next: Mergeable,
  { low, high }: Pick<TargetTokens, 'low' | 'high'>,
): boolean {
  if (group.length >= RELATED_MAX) return false
  const size = tokensOf(group)
  if (size + next.tokens > high || next.tokens === 0 || last.tokens === 0) return false
  if (last.metadata?.['source_file'] !== next.metadata?.['source_file']) return false
  // A copy is to be removed, not to be said twice in one chunk.
  if (group.some(({ content }) => content === next.content)) return false
  if (isHeading(last.content)) return true
  if (isHeading(next.content)) return false
  return size < low || next.tokens < low || isBroken(last, next)
}

const tokensOf = (group: readonly Mergeable[]) => group.reduce((sum, { tokens }) => sum + tokens, 0)

/** A sentence goes on from one to the other. */
function isBroken(last: Mergeable, next: Mergeable): boolean {
  return (
    endsOpen(last.content) &&
    /^\s*(?:\p{Ll}|[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}])/u.test(next.content)
  )
}

function joinerOf(group: readonly Mergeable[]): string {
  const [first, second] = group
  if (first === undefined || second === undefined || !isBroken(first, second)) return '\n\n'
  return kindOf(second.content.trimStart().codePointAt(0) ?? 0) >= HAN ? '' : ' '
}
