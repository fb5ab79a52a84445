/** Fingerprints as they are stored, and as they are searched by. */
import { fingerprintOf, keysFor, type Fingerprint, type Keys } from '#domain/chunks/fingerprint.ts'
import { tokenize } from '#domain/chunks/tokens.ts'
import { Vocabulary } from '#domain/chunks/vocabulary.ts'
import type { SealedFingerprint } from '#events/analyses.ts'
import type { AnalysisRequest } from './analysis.ts'

const HASH_BYTES = 3
const KEY_BYTES = 4

/** Of each chunk the keys under which others of its owner lie; undefined: it is too large. */
export type Probes = readonly (Keys | undefined)[]

const NOTHING = new Int32Array()

export function probesOf({ chunks, owner }: AnalysisRequest): Probes {
  const vocabulary = new Vocabulary()
  return chunks.map(({ content }) => {
    const read = tokenize(content, vocabulary)
    if (read.ids.length === 0) return { same: NOTHING, bands: NOTHING, passages: NOTHING }
    const fingerprint = fingerprintOf(read, vocabulary)
    return fingerprint && keysFor(owner, fingerprint.keys)
  })
}

/** Null: there is none. */
export function sealedFingerprint(
  fingerprint: Fingerprint | undefined,
  owner: string,
): SealedFingerprint | null {
  if (fingerprint === undefined) return null
  const { tokens, keys } = fingerprint
  const { same, bands, passages } = keysFor(owner, keys)
  return {
    tokens: hashesIn(tokens),
    keys: keysIn(Int32Array.of(...same, ...bands, ...passages)),
  }
}

function hashesIn(hashes: Int32Array): string {
  const bytes = Buffer.allocUnsafe(HASH_BYTES * hashes.length)
  // Byte by byte: what `writeUIntLE` checks of each would take most of the time of a fingerprint.
  for (let i = 0, at = 0; i < hashes.length; i++) {
    const hash = hashes[i] as number
    bytes[at++] = hash
    bytes[at++] = hash >>> 8
    bytes[at++] = hash >>> 16
  }
  return bytes.toString('base64')
}

function keysIn(keys: Int32Array): string {
  const bytes = Buffer.allocUnsafe(KEY_BYTES * keys.length)
  keys.forEach((key, i) => bytes.writeInt32LE(key, KEY_BYTES * i))
  return bytes.toString('base64')
}

export function hashesOf(bytes: Buffer): Int32Array {
  const hashes = new Int32Array(bytes.length / HASH_BYTES)
  return hashes.map((_, i) => bytes.readUIntLE(HASH_BYTES * i, HASH_BYTES))
}
