/**
 * MinHash: a short signature by which texts that may be similar find each other in an index.
 *
 * Two sets agree in each of the 128 values with a probability that is their Jaccard similarity; in 16
 * bands of 8, sets at .85 share a band with probability .994. A band only nominates: the sets
 * themselves decide. Source: Broder 1997.
 *
 * Invariants:
 * 1. A signature depends on the tokens' texts alone, so it can be stored, and compared for ever.
 * 2. Bands mix in their scope: those of two owners never meet.
 */

export const PERMUTATIONS = 128
export const BANDS = 16
const ROWS = PERMUTATIONS / BANDS

/** What is stored of a token; equal texts only, but for one chance in four thousand million. */
export function tokenHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  return mixed(hash)
}

/** Each once, in ascending order. */
export function tokenHashes(texts: Iterable<string>): Int32Array {
  return Int32Array.from(new Set(Array.from(texts, tokenHash))).sort()
}

/** Undefined for a text without tokens: it is like nothing. */
export function signatureOf(hashes: Int32Array): Uint32Array | undefined {
  if (hashes.length === 0) return undefined
  const signature = new Uint32Array(PERMUTATIONS).fill(0xffffffff)
  for (const hash of hashes) {
    for (let i = 0; i < PERMUTATIONS; i++) {
      const value = mixed(hash ^ Math.imul(i + 1, 0x9e3779b9)) >>> 0
      if (value < (signature[i] as number)) signature[i] = value
    }
  }
  return signature
}

export function bandsOf(signature: Uint32Array, scope: string): Int32Array {
  const seed = tokenHash(scope)
  return Int32Array.from({ length: BANDS }, (_, band) => {
    let hash = seed ^ Math.imul(band + 1, 0x85ebca6b)
    for (let row = 0; row < ROWS; row++) {
      hash = mixed(hash ^ (signature[band * ROWS + row] as number))
    }
    return hash
  })
}

/** The finalizer of MurmurHash3. */
function mixed(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}
