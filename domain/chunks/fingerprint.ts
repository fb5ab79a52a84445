/**
 * What a chunk is recognised by when its text is no longer at hand: a hash of each of its tokens, and
 * the few keys by which an index finds it.
 *
 * Chunks with the same tokens share a key, those that are alike share one of 8 (`minhash.ts`), and
 * those that share a passage of 39 tokens one of the others: of each 32 rows one behind the other the
 * least hash (winnowing: Schleimer, Wilkerson, Aiken 2003).
 *
 * Invariants:
 * 1. It depends on the tokens' texts alone, so it can be stored, and compared for ever.
 * 2. Hashes have 24 bits: two texts of 150 tokens have one in common by accident once in a thousand
 *    times. Keys are mixed with their owner: those of two owners never meet.
 * 3. A text of more than `TOKENS_MAX` tokens has none: no model embeds so much at once, and what is
 *    stored of a chunk stays small.
 */
import { hashOf, mixed } from './hashes.ts'
import { bandsOf, signatureOf } from './minhash.ts'
import { SHARED_ROW } from './laid-out.ts'
import { eachOnce, type Tokens } from './tokens.ts'
import type { Vocabulary } from './vocabulary.ts'

export const TOKENS_MAX = 4_096
const WINDOW = 32

export interface Fingerprint {
  /** In the order of the text. */
  readonly tokens: Int32Array
  readonly keys: Keys
}

export interface Keys {
  /** Where equals meet: the one key of which they are found among any number of others. */
  readonly same: Int32Array
  /** Where alike ones meet. */
  readonly bands: Int32Array
  /** Where those meet that share a passage. */
  readonly passages: Int32Array
}

/** Undefined where there is nothing to recognise, or too much. */
export function fingerprintOf(read: Tokens, vocabulary: Vocabulary): Fingerprint | undefined {
  const { ids } = read
  if (ids.length === 0 || ids.length > TOKENS_MAX) return undefined
  const tokens = tokenHashes(ids, vocabulary)
  const distinct = eachOnce(read, tokens)
  const bands = bandsOf(signatureOf(distinct))
  const same = Int32Array.of(bands.reduce((hash, band) => mixed(hash ^ band), distinct.length))
  const passages = Int32Array.from(winnowed(rowHashes(tokens)))
  return { tokens, keys: { same, bands, passages } }
}

export function keysFor(owner: string, { same, bands, passages }: Keys): Keys {
  const whose = stored(hashOf(owner))
  const mixedIn = (keys: Int32Array) => keys.map((key) => mixed(key ^ whose))
  return { same: mixedIn(same), bands: mixedIn(bands), passages: mixedIn(passages) }
}

export function tokenHashes(ids: Int32Array, vocabulary: Vocabulary): Int32Array {
  const hashes = new Int32Array(ids.length)
  for (let i = 0; i < hashes.length; i++) hashes[i] = stored(vocabulary.hashOf(ids[i] as number))
  return hashes
}

const stored = (hash: number) => mixed(hash) >>> 8

/** Of each place where a row of 8 begins. */
export function rowHashes(hashes: Int32Array): Int32Array {
  const rows = new Int32Array(Math.max(0, hashes.length - SHARED_ROW + 1))
  for (let at = 0; at < rows.length; at++) {
    let hash = 0
    for (let i = at; i < at + SHARED_ROW; i++) {
      hash = Math.imul(hash, 0x01000193) ^ (hashes[i] as number)
    }
    rows[at] = stored(hash)
  }
  return rows
}

/** Each once. */
export function ascending(hashes: Int32Array): Int32Array {
  const sorted = hashes.toSorted()
  let count = 0
  for (const hash of sorted) if (count === 0 || hash !== sorted[count - 1]) sorted[count++] = hash
  return sorted.slice(0, count)
}

/** The least of every window; the last one of equals, so that it stays the least for longest. */
function winnowed(rows: Int32Array): Set<number> {
  const chosen = new Set<number>()
  let least = -1
  for (let end = Math.min(WINDOW, rows.length) - 1; end >= 0 && end < rows.length; end++) {
    const start = Math.max(0, end - WINDOW + 1)
    if (least >= start && (rows[end] as number) > (rows[least] as number)) continue
    if (least >= start) least = end
    else {
      least = start
      for (let at = start; at <= end; at++) {
        if ((rows[at] as number) <= (rows[least] as number)) least = at
      }
    }
    chosen.add(rows[least] as number)
  }
  return chosen
}
