/**
 * similarity_score: whether a chunk has a twin.
 *
 *   J(A, B) = |A ∩ B| / |A ∪ B| over the sets of tokens (`tokens.ts`); the score is the greatest J
 *   to any other chunk of the document or the batch, and 0 for a chunk alone.
 *
 * Range 0 … 1, less is better; the threshold is inclusive. At .85 up to about 8 % of the words may
 * differ, and an overlap of neighbours of up to 80 % does not count. Order of words is not seen, unless
 * rows of tokens are compared (`shingles.ts`).
 * Source: Jaccard, as the document asks (`method: "jaccard"`).
 */
import { shingled } from './shingles.ts'
import { tokenize } from './tokens.ts'
import { Vocabulary } from './vocabulary.ts'

export interface Similarity {
  readonly similarity_score: number
  readonly method: 'jaccard'
  readonly details: {
    readonly intersection: number
    readonly union: number
    readonly tokens1: number
    readonly tokens2: number
    /** Of the smaller text, how much is in the other. */
    readonly containment: number
    readonly shingle_size: number
    /** The scheme of `tokens.ts`. */
    readonly tokenizer: 't1'
  }
}

/** Two texts by themselves. */
export function similarityOf(content1: string, content2: string, shingle_size = 1): Similarity {
  const vocabulary = new Vocabulary()
  const texts = [content1, content2].map((text) => tokenize(text, vocabulary))
  const [one, two] = shingled(texts, vocabulary.size, shingle_size).sets as [Int32Array, Int32Array]
  const others = new Set(two)
  const intersection = one.reduce((count, token) => count + Number(others.has(token)), 0)
  const union = one.length + two.length - intersection
  const smaller = Math.min(one.length, two.length)
  return {
    similarity_score: union === 0 ? 0 : rounded(intersection / union),
    method: 'jaccard',
    details: {
      intersection,
      union,
      tokens1: one.length,
      tokens2: two.length,
      containment: smaller === 0 ? 0 : rounded(intersection / smaller),
      shingle_size,
      tokenizer: 't1',
    },
  }
}

/** As scores are told: so that the counts beside one reproduce it, and no float shows its tail. */
export const rounded = (score: number) => Math.round(score * 1e6) / 1e6

export const jaccard = (inter: number, a: number, b: number) => inter / (a + b - inter)

const SLACK = 1e-9

/** Inclusive, whatever the division left over. */
export const reaches = (inter: number, a: number, b: number, threshold: number) =>
  inter >= threshold * (a + b - inter) - SLACK
