/** The one API key that the configuration gives: it may do everything, and is never stored. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { LOCAL_OWNER } from '#events/functions.ts'
import type { KeyRing } from './credentials.ts'
import { SCOPES, type Principal } from './principal.ts'

export function staticKeyRing(key: string | undefined): KeyRing {
  if (key === undefined) return { principalOf: () => undefined }
  const expected = digest(key)
  const principal: Principal = Object.freeze({
    owner: LOCAL_OWNER,
    subject: 'SLUICE_API_KEY',
    scopes: new Set(SCOPES),
  })
  return {
    principalOf: (presented) =>
      timingSafeEqual(digest(presented), expected) ? principal : undefined,
  }
}

/** The first that knows the key. */
export function keyRings(...rings: readonly KeyRing[]): KeyRing {
  return {
    principalOf(presented) {
      for (const ring of rings) {
        const principal = ring.principalOf(presented)
        if (principal !== undefined) return principal
      }
      return undefined
    },
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest()
