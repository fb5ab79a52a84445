/**
 * All pairs of chunks that are similar, in a process of its own so that its memory can be told.
 *
 *   node chunk-join.ts join|naive 100000   → one JSON line
 */
import { eachOnce, tokenize } from '#domain/chunks/tokens.ts'
import { similarityJoin } from '#domain/chunks/similarity-join.ts'
import { tokenSets } from '#domain/chunks/token-sets.ts'
import { STEPS_BUDGET } from '#domain/chunks/twins.ts'
import { Vocabulary } from '#domain/chunks/vocabulary.ts'
import { syntheticChunks } from './synthetic-chunks.ts'

const THRESHOLD = 0.85

export interface JoinCosts {
  readonly chunks: number
  readonly pairs: number
  /** From sets of tokens to pairs. */
  readonly joinMs: number
  /** The most that the process held. */
  readonly memoryMb: number
}

function byJoin(chunks: number): Omit<JoinCosts, 'memoryMb'> {
  const vocabulary = new Vocabulary()
  const ids: Int32Array[] = []
  for (const { content } of syntheticChunks(chunks)) {
    const tokens = tokenize(content, vocabulary)
    ids.push(eachOnce(tokens, tokens.ids))
  }
  const startedAt = performance.now()
  const laidOut = tokenSets(ids, vocabulary.size)
  const { members } = laidOut
  const sizeOf = (row: number) => members[row]?.length ?? 0
  // Equal chunks are one row.
  let pairs = members.reduce((sum, { length }) => sum + (length * (length - 1)) / 2, 0)
  similarityJoin(laidOut, THRESHOLD, STEPS_BUDGET, (row, other) => {
    pairs += sizeOf(row) * sizeOf(other)
  })
  return { chunks, pairs, joinMs: performance.now() - startedAt }
}

/** What most people write. */
function byAllPairs(chunks: number): Omit<JoinCosts, 'memoryMb'> {
  const all = Array.from(syntheticChunks(chunks), ({ content }) => {
    const vocabulary = new Vocabulary()
    const { ids } = tokenize(content, vocabulary)
    return new Set(Array.from(ids, (id) => vocabulary.textOf(id)))
  })
  const startedAt = performance.now()
  let pairs = 0
  all.forEach((one, index) => {
    for (let other = index + 1; other < all.length; other++) {
      const two = all[other] as Set<string>
      let shared = 0
      for (const token of one) if (two.has(token)) shared++
      if (shared / (one.size + two.size - shared) >= THRESHOLD) pairs++
    }
  })
  return { chunks, pairs, joinMs: performance.now() - startedAt }
}

if (process.argv[1] === import.meta.filename) {
  const [how, count] = [process.argv[2], Number(process.argv[3])]
  const costs = how === 'naive' ? byAllPairs(count) : byJoin(count)
  const memoryMb = process.resourceUsage().maxRSS / 1_024
  process.stdout.write(`${JSON.stringify({ ...costs, memoryMb })}\n`)
}
