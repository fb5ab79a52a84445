/**
 * Chunks that look like a corpus to whoever compares them: 150 ± 30 words drawn by Zipf's law from a
 * vocabulary of 50,000, a twentieth of them near-duplicates of an earlier one. The same seed gives
 * the same chunks.
 */
import type { Chunk } from '#events/chunks.ts'
import { randomFrom } from '#test/unit/chunks/random.ts'

const VOCABULARY = 50_000
const EXPONENT = 1.05
const WORDS = 150
const SPREAD = 30
const DUPLICATES = 0.05
/** Of the words of a near-duplicate, how many are others. */
const EDITED = [0, 0.01, 0.02, 0.05, 0.1, 0.2]
const SENTENCE_WORDS = 12

export function* syntheticChunks(count: number, seed = 1): Generator<Chunk> {
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const word = zipf(random)
  const written: Uint16Array[] = []
  for (let index = 0; index < count; index++) {
    const copied = index > 0 && random() < DUPLICATES ? written[below(index)] : undefined
    const rate = EDITED[below(EDITED.length)] ?? 0
    const words =
      copied?.map((one) => (random() < rate ? word() : one)) ??
      new Uint16Array(WORDS - SPREAD + below(2 * SPREAD + 1)).map(word)
    written.push(words)
    yield { chunk_id: `c-${index}`, content: inSentences(words) }
  }
}

function zipf(random: () => number): () => number {
  const sums = new Float64Array(VOCABULARY)
  let sum = 0
  for (let rank = 0; rank < VOCABULARY; rank++) sums[rank] = sum += 1 / (rank + 1) ** EXPONENT
  return () => {
    const at = random() * sum
    let [low, high] = [0, VOCABULARY - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) < at) low = middle + 1
      else high = middle
    }
    return low
  }
}

function inSentences(ranks: Uint16Array): string {
  const words = Array.from(ranks, (rank) => `w${rank.toString(36)}`)
  const sentences: string[] = []
  for (let at = 0; at < words.length; at += SENTENCE_WORDS) {
    const [first = '', ...rest] = words.slice(at, at + SENTENCE_WORDS)
    sentences.push(`${[first.toUpperCase(), ...rest].join(' ')}.`)
  }
  return sentences.join(' ')
}
