/** Two texts that are to be compared. Source: section 5 of the chunk API's document. */
import { Problem } from '#domain/problem.ts'
import { chunkValidator, refused, SimilarityInput, type Validate } from './valid.ts'

const validSize: Validate<SimilarityInput> = chunkValidator(SimilarityInput)

export interface Compared {
  readonly content1: string
  readonly content2: string
  readonly shingle_size: number | undefined
}

export function comparedIn(body: unknown): Compared {
  const [content1, content2] = textsIn(body)
  const { shingle_size } = validSize(body)
  return { content1, content2, shingle_size }
}

/** Its document names both where one is missing. */
function textsIn(body: unknown): [string, string] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw refused('body', 'type', 'must be an object')
  }
  const { content1, content2 } = body as Record<string, unknown>
  const isMissing = (text: unknown) => text === undefined || text === null || text === ''
  if (isMissing(content1) || isMissing(content2)) {
    const field = isMissing(content1) ? 'content1' : 'content2'
    const details = { field, constraint: 'required' }
    throw new Problem('INVALID_REQUEST', 'content1 and content2 are required', details)
  }
  if (typeof content1 !== 'string') throw refused('content1', 'type', 'must be a string')
  if (typeof content2 !== 'string') throw refused('content2', 'type', 'must be a string')
  return [content1, content2]
}
