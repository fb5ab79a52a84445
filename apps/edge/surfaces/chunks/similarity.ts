/** The chunk API, part 2: how similar two texts are. Source: section 5 of its document. */
import type { Comparisons } from '../../chunks/comparisons.ts'
import { readJson } from '../../http/body.ts'
import type { Router } from '../../http/exchange.ts'
import type { Similarity } from './answers.ts'

export interface SimilarityRouteOptions {
  readonly comparisons: Comparisons
  readonly maxBodyBytes: number
}

export function similarityRoute(
  router: Router,
  { comparisons, maxBodyBytes }: SimilarityRouteOptions,
): void {
  router.on('POST /api/v1/similarity/calculate', async ({ incoming }) => {
    const similarity: Similarity = await comparisons.of(await readJson(incoming, maxBodyBytes))
    return { status: 200, body: JSON.stringify(similarity) }
  })
}
