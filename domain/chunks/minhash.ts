/**
 * MinHash: a short signature by which texts that may be similar find each other in an index.
 *
 * Each hash falls into one of 64 bins, and a bin keeps the least; an empty one borrows from another,
 * always the same. Two sets agree in each value with a probability that is their Jaccard similarity;
 * in 8 bands of 7, sets at .85 share a band with probability .954, and those that have nothing but
 * common words in common, at .12, with .000003: few among a million. Nearly all of the others share a
 * passage: of chunks of 150 words at .85, .998 are found by the one or the other (measured). More
 * bands cost more than they find: sorting keys into the index is most of what a chunk costs there. A
 * band only nominates: the sets themselves decide. Source: Broder 1997; one permutation: Li, Owen,
 * Zhang 2012; empty bins: Shrivastava 2017.
 *
 * Invariant: a signature depends on the hashes alone, so it can be stored, and compared for ever.
 */

import { mixed } from './hashes.ts'

const BINS = 64
const BIN_BITS = 6
/** They take 56 bins; the others lend. */
const BANDS = 8
const ROWS = 7
const EMPTY = 0xffffffff

/** From which others an empty bin borrows, in which order: no two bins have the same. */
const LENDERS = Array.from({ length: BINS }, (_, bin) => {
  const rank = (other: number) => mixed(bin * BINS + other)
  return Uint8Array.from({ length: BINS }, (_, other) => other).sort((a, b) => rank(a) - rank(b))
})

/** `hashes` are not empty. */
export function signatureOf(hashes: Int32Array): Uint32Array {
  const least = new Uint32Array(BINS).fill(EMPTY)
  for (let i = 0; i < hashes.length; i++) {
    const spread = mixed(hashes[i] as number)
    const bin = spread >>> (32 - BIN_BITS)
    const value = spread & (EMPTY >>> BIN_BITS)
    if (value < (least[bin] as number)) least[bin] = value
  }
  const signature = least.slice()
  for (let bin = 0; bin < BINS; bin++) {
    if (least[bin] === EMPTY) signature[bin] = borrowed(least, bin)
  }
  return signature
}

function borrowed(least: Uint32Array, bin: number): number {
  const lenders = LENDERS[bin] as Uint8Array
  for (let i = 0; i < BINS; i++) {
    const value = least[lenders[i] as number] as number
    if (value !== EMPTY) return value
  }
  return EMPTY
}

export function bandsOf(signature: Uint32Array): Int32Array {
  const bands = new Int32Array(BANDS)
  for (let band = 0; band < BANDS; band++) {
    let hash = Math.imul(band + 1, 0x85ebca6b)
    for (let row = 0; row < ROWS; row++) {
      hash = mixed(hash ^ (signature[band * ROWS + row] as number))
    }
    bands[band] = hash
  }
  return bands
}
