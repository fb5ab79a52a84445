/** The chunk API, part 2: how similar two texts are. Source: section 5 of its document. */
import { similarityOf } from '#domain/chunks/similarity.ts'
import { Problem } from '#domain/problem.ts'
import { readJson } from '../../http/body.ts'
import type { Router } from '../../http/exchange.ts'
import { refused } from './valid.ts'

export function similarityRoute(
  router: Router,
  { maxBodyBytes }: { readonly maxBodyBytes: number },
): void {
  router.on('POST /api/v1/similarity/calculate', async ({ incoming }) => {
    const [content1, content2] = textsIn(await readJson(incoming, maxBodyBytes))
    return { status: 200, body: JSON.stringify(similarityOf(content1, content2)) }
  })
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
