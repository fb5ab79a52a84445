/**
 * Hashes of tokens and of rows of them. They are stored: they never change.
 *
 * Sources: FNV-1a over UTF-16 units; the finalizer of MurmurHash3.
 */

export const EMPTY_HASH = 0x811c9dc5

export const hashedWith = (hash: number, unit: number) => Math.imul(hash ^ unit, 0x01000193)

export function hashOf(text: string): number {
  let hash = EMPTY_HASH
  for (let i = 0; i < text.length; i++) hash = hashedWith(hash, text.charCodeAt(i))
  return hash
}

export function mixed(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}
