/** The chunk API, part 2: how similar two texts are. Source: section 5 of its document. */
import type { Comparisons } from '../../chunks/comparisons.ts'
import { readJson } from '../../http/body.ts'
import type { Router } from '../../http/exchange.ts'
import type { Similarity } from './answers.ts'

export function similarityRoute(
  router: Router,
  { comparisons }: { readonly comparisons: Comparisons },
): void {
  router.on('POST /api/v1/similarity/calculate', async (exchange) => {
    const similarity: Similarity = await comparisons.of(await readJson(exchange))
    return { status: 200, body: JSON.stringify(similarity) }
  })
}
