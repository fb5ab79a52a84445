import { hash } from 'node:crypto'
import { placeOf, type CompletedAnalysis } from './analyses.ts'
import type { OptimizationType } from './chunks.ts'

/**
 * Neither the options nor the profile are in it: whoever ignores a suggestion has decided about this
 * content, and does not want it back for a threshold moved or a formula mended. Documents that hold
 * the same chunk have a suggestion each.
 */
export function optimizationId(
  { owner, kind, name }: Pick<CompletedAnalysis, 'owner' | 'kind' | 'name'>,
  chunkId: string,
  contentHash: string,
  type: OptimizationType,
): string {
  const what = [owner, placeOf({ kind, name }), chunkId, contentHash, type]
  return uuidOf(hash('sha256', JSON.stringify(what)))
}

/** RFC 9562, version 8: a UUID that its maker has derived in a way of their own. */
function uuidOf(hex: string): string {
  const variant = '89ab'[Number.parseInt(hex.charAt(17), 16) & 3]
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
