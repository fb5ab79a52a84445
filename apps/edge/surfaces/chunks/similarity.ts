/** The chunk API, part 2: how similar two texts are. Source: section 5 of its document. */
import { compared } from '../../chunks/compared.ts'
import { readJson } from '../../http/body.ts'
import type { Router } from '../../http/exchange.ts'
import type { Similarity } from './answers.ts'

export function similarityRoute(
  router: Router,
  { maxBodyBytes }: { readonly maxBodyBytes: number },
): void {
  router.on('POST /api/v1/similarity/calculate', async ({ incoming }) => {
    const similarity: Similarity = compared(await readJson(incoming, maxBodyBytes))
    return { status: 200, body: JSON.stringify(similarity) }
  })
}
