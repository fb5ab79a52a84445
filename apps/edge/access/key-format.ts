/**
 * What an API key looks like: `sluice_<id>_<secret>_<checksum>`. The prefix lets scanners of source
 * code find one that leaked; the checksum tells a typing error without any look-up.
 */
import { createHmac, randomBytes, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

const PREFIX = 'sluice'
const ID_LENGTH = 12
const SECRET_BYTES = 32
const CHECKSUM_LENGTH = 6
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const KEY = /^(sluice_([0-9A-Za-z]{12})_([-\w]{43}))_([0-9A-Za-z]{6})$/

export interface KeyParts {
  readonly id: string
  readonly secret: string
}

/** Undefined: it is no key, or was not copied right. */
export function parseKey(presented: string): KeyParts | undefined {
  const [, body = '', id = '', secret = '', checksum] = KEY.exec(presented) ?? []
  return checksum !== undefined && checksumOf(body) === checksum ? { id, secret } : undefined
}

export const isKeyId = (text: string) => /^[0-9A-Za-z]{12}$/.test(text)

export const newKeyId = () =>
  Array.from({ length: ID_LENGTH }, () => BASE62[randomInt(BASE62.length)]).join('')

export function newKey(id = newKeyId()): KeyParts & { readonly key: string } {
  const secret = randomBytes(SECRET_BYTES).toString('base64url')
  const body = `${PREFIX}_${id}_${secret}`
  return { id, secret, key: `${body}_${checksumOf(body)}` }
}

/** A secret has 256 random bits: it needs no slow hash, but a key that the log does not hold. */
export function hashSecret(secret: string, pepper: string): Buffer {
  return createHmac('sha256', pepper).update(secret).digest()
}

function checksumOf(body: string): string {
  let left = crc32(body)
  let text = ''
  for (let place = 0; place < CHECKSUM_LENGTH; place++) {
    text = `${BASE62[left % BASE62.length]}${text}`
    left = Math.floor(left / BASE62.length)
  }
  return text
}
