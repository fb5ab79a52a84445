/**
 * Passwords as argon2id hashes in the PHC string format, by Node's own implementation.
 * Source: RFC 9106; the cost is OWASP's (19 MiB, two passes, one lane), some 40 ms.
 *
 * Invariant: a hash carries its own cost, so that an older one stays good when ours rises; a cost
 * beyond what we would ever ask for is not paid.
 */
import { argon2, randomBytes, timingSafeEqual, type Argon2Parameters } from 'node:crypto'
import { promisify } from 'node:util'

export const PASSWORD_BYTES_MIN = 8
export const PASSWORD_BYTES_MAX = 256

const COST = { memory: 19_456, passes: 2, parallelism: 1 }
const COST_MAX = { memory: 262_144, passes: 16, parallelism: 4 }
const SALT_BYTES = 16
const TAG_BYTES = 32
const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/

const derive: (algorithm: 'argon2id', parameters: Argon2Parameters) => Promise<Buffer> =
  promisify(argon2)

export function isPasswordLength(password: string): boolean {
  const bytes = Buffer.byteLength(password)
  return bytes >= PASSWORD_BYTES_MIN && bytes <= PASSWORD_BYTES_MAX
}

export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(SALT_BYTES)
  const tag = await derive('argon2id', { message: password, nonce, tagLength: TAG_BYTES, ...COST })
  const { memory, passes, parallelism } = COST
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${plain(nonce)}$${plain(tag)}`
}

/** False too if `hash` is none of ours. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [, m, t, p, salt = '', tag = ''] = PHC.exec(hash) ?? []
  const cost = { memory: Number(m), passes: Number(t), parallelism: Number(p) }
  if (!isPayable(cost)) return false
  const expected = Buffer.from(tag, 'base64')
  const nonce = Buffer.from(salt, 'base64')
  const tagLength = expected.length
  const given = await derive('argon2id', { message: password, nonce, tagLength, ...cost })
  return timingSafeEqual(given, expected)
}

function isPayable({ memory, passes, parallelism }: typeof COST): boolean {
  return (
    parallelism >= 1 &&
    parallelism <= COST_MAX.parallelism &&
    passes >= 1 &&
    passes <= COST_MAX.passes &&
    memory >= 8 * parallelism &&
    memory <= COST_MAX.memory
  )
}

/** PHC writes base64 without its padding. */
const plain = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
