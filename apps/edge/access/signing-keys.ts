/**
 * Whose signature counts: our own secret, and the keys that an identity provider publishes.
 *
 * Invariants:
 * 1. An algorithm belongs to one source. A token of the one is never tried with a key of the other,
 *    so nobody can sign with a public key as if it were a secret.
 * 2. Whatever tokens come, the provider is asked at most once per cooldown, also while it is down.
 * 3. Not being able to ask is our trouble (UNAVAILABLE), not a wrong token.
 */
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose'
import { Problem } from '#domain/problem.ts'
import type { AccessConfig } from '#runtime/config-access.ts'

export interface KeySource {
  readonly algorithms: readonly string[]
  readonly key: JWTVerifyGetKey
  /** Tokens of this source are our own: what they say of their owner holds. */
  readonly isOurs: boolean
}

const OURS = ['HS256']
const PROVIDERS = ['RS256', 'ES256', 'EdDSA', 'Ed25519']
const COOLDOWN_MS = 30_000
/** A provider that gave no keys is asked again after this. */
const RETRY_MS = 5_000
const ASK_WITHIN_MS = 3_000

export interface Cooldowns {
  readonly cooldownMs?: number
  readonly retryMs?: number
}

export type SigningKeys = Pick<AccessConfig, 'jwtSecret' | 'jwksUrl'> & Cooldowns

export function keySources({ jwtSecret, jwksUrl, ...cooldowns }: SigningKeys): KeySource[] {
  const sources: KeySource[] = []
  if (jwtSecret !== undefined) {
    const secret = new TextEncoder().encode(jwtSecret)
    sources.push({ algorithms: OURS, key: () => secret, isOurs: true })
  }
  if (jwksUrl !== undefined) {
    const key = published(new URL(jwksUrl), cooldowns)
    sources.push({ algorithms: PROVIDERS, key, isOurs: false })
  }
  return sources
}

function published(url: URL, cooldowns: Cooldowns): JWTVerifyGetKey {
  const { cooldownMs = COOLDOWN_MS, retryMs = RETRY_MS } = cooldowns
  let askAgainAt = 0
  const keys = createRemoteJWKSet(url, {
    cooldownDuration: cooldownMs,
    timeoutDuration: ASK_WITHIN_MS,
    // jose counts its cooldown from the last answer, and would ask a silent provider every time.
    [customFetch]: async (...request) => {
      if (performance.now() < askAgainAt) throw outOfReach('there was no answer a moment ago')
      askAgainAt = performance.now() + retryMs
      try {
        const response = await fetch(...request)
        if (response.status !== 200) throw new Error(`the answer was ${response.status}`)
        return Response.json(await response.json())
      } catch (error) {
        throw outOfReach(error)
      }
    },
  })
  return async (header, token) => {
    try {
      return await keys(header, token)
    } catch (error) {
      throw error instanceof errors.JWKSInvalid ? outOfReach(error) : error
    }
  }
}

function outOfReach(cause: unknown): Problem {
  const message = 'The keys of the identity provider are out of reach.'
  return new Problem('UNAVAILABLE', message, undefined, { cause })
}
