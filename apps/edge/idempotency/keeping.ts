/**
 * How the log keeps a request and its answer: in clear, or so that whoever reads the log learns
 * nothing of them.
 *
 * Invariants:
 * 1. What is secret is kept under keys that the log does not have, made of the pepper of API keys:
 *    without it no password can be tried on a fingerprint, and no answer opened.
 * 2. A sealed answer opens in its own place only.
 * 3. A secret is told to whoever asked for it, and to no other user of the same owner: theirs is
 *    another request.
 * 4. So is, for any answer, that of somebody with other scopes: what may be run, only the handler
 *    knows, and it does not see a request that is answered from here.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
} from 'node:crypto'
import type { Exchange } from '../http/exchange.ts'
import { fingerprintOf } from './request.ts'

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

export interface Keeping {
  fingerprint(exchange: Pick<Exchange, 'incoming' | 'principal'>, body: Buffer): string
  /** `digest`: whose Idempotency-Key it is kept under. */
  seal(text: string, digest: string): string
  open(kept: string, digest: string): string
}

export const inClear: Keeping = {
  fingerprint: ({ incoming, principal: { scopes } }, body) =>
    fingerprintOf(incoming, body, createHash('sha256').update(told(scopes))),
  seal: (text) => text,
  open: (kept) => kept,
}

export function keepSecret(pepper: string): Keeping {
  const keyFor = (use: string) =>
    Buffer.from(hkdfSync('sha256', pepper, '', `sluice idempotency ${use}`, KEY_BYTES))
  const fingerprintKey = keyFor('fingerprint')
  const answerKey = keyFor('answer')

  return {
    fingerprint({ incoming, principal: { subject = null, scopes } }, body) {
      const hash = createHmac('sha256', fingerprintKey)
      hash.update(`${JSON.stringify(subject)}\n`).update(told(scopes))
      return fingerprintOf(incoming, body, hash)
    },
    seal(text, digest) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(CIPHER, answerKey, nonce).setAAD(Buffer.from(digest))
      const sealed = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]
      return Buffer.concat(sealed).toString('base64url')
    },
    open(kept, digest) {
      const bytes = Buffer.from(kept, 'base64url')
      const options = { authTagLength: TAG_BYTES }
      const decipher = createDecipheriv(CIPHER, answerKey, bytes.subarray(0, NONCE_BYTES), options)
        .setAAD(Buffer.from(digest))
        .setAuthTag(bytes.subarray(-TAG_BYTES))
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
      return Buffer.concat([text, decipher.final()]).toString('utf8')
    },
  }
}

const told = (scopes: ReadonlySet<string>) => `${[...scopes].sort().join(' ')}\n`
