/**
 * Tokens: JWTs that we sign ourselves, or that an identity provider does.
 * Sources: section 3.1 of the lambda API document; RFC 7519, RFC 8725.
 *
 * Invariants:
 * 1. Whatever is wrong with a token, its holder hears the same; the log has the reason, and never
 *    the token.
 * 2. A token ends: `exp` is there, and at most a day ahead.
 * 3. Only a token of our own names an owner, and no provider's may pass for the local one.
 * 4. A verified token is remembered by its digest: briefly, and never beyond its end.
 * 5. A token of our own is worth what its user still is, each time that it is shown.
 */
import { createHash } from 'node:crypto'
import { decodeProtectedHeader, errors, jwtVerify, SignJWT, type JWTPayload } from 'jose'
import { Problem } from '#domain/problem.ts'
import { LOCAL_OWNER } from '#events/functions.ts'
import type { AccessConfig } from '#runtime/config-access.ts'
import type { Tokens } from './credentials.ts'
import { isScope, type Principal } from './principal.ts'
import { Remembered } from './remembered.ts'
import { keySources, type Cooldowns, type KeySource } from './signing-keys.ts'

const OUR_LIFE_S = 3_600
const LIFE_MAX_S = 24 * 3_600
const CLOCK_TOLERANCE_S = 5
const TOKEN_MAX = 8_192
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/
/** Who somebody is, as text that can be shown and stored anywhere. */
const CLEAN = /^[^\p{C}]{1,256}$/u

export type TokensOptions = Cooldowns &
  Pick<AccessConfig, 'jwtSecret' | 'jwksUrl' | 'jwtIssuer' | 'jwtAudience'> & {
    readonly standing?: Standing
  }

/** What a token that we signed then is worth now; undefined: nothing, its user is gone. */
export type Standing = (principal: Principal, since: string | undefined) => Principal | undefined

interface Verified {
  readonly principal: Principal
  readonly isOurs: boolean
  /** When the user began who signed in for it. */
  readonly since: string | undefined
}

export function createTokens(options: TokensOptions): Tokens {
  const { jwtSecret, jwtIssuer: issuer, jwtAudience: audience } = options
  const { standing = (principal) => principal } = options
  const sources = keySources(options)
  const remembered = new Remembered<Verified>()
  const rules = {
    requiredClaims: ['sub', 'exp'],
    clockTolerance: CLOCK_TOLERANCE_S,
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  }

  async function verify(token: string): Promise<Verified & { endsAtMs: number }> {
    if (token.length > TOKEN_MAX || !TOKEN.test(token)) throw new Unacceptable('no token at all')
    const { alg = '' } = decodeProtectedHeader(token)
    const source = sources.find(({ algorithms }) => algorithms.includes(alg))
    if (source === undefined) throw new Unacceptable('an algorithm that nobody here signs with')
    const { algorithms } = source
    const { payload } = await jwtVerify(token, source.key, {
      ...rules,
      algorithms: [...algorithms],
    })
    const endsAtMs = endOf(payload) * 1_000
    const { isOurs } = source
    const { since } = payload
    const began = typeof since === 'string' ? since : undefined
    return { principal: principalOf(payload, source), isOurs, since: began, endsAtMs }
  }

  function asItStands({ principal, isOurs, since }: Verified): Principal {
    const stands = isOurs ? standing(principal, since) : principal
    if (stands === undefined) throw invalidCredentials('its user is gone')
    return stands
  }

  return {
    async sign({ subject, owner, scopes, since }) {
      if (jwtSecret === undefined) {
        throw new Problem('UNAVAILABLE', 'Tokens are signed elsewhere: JWT_SECRET is not set.')
      }
      const jwt = new SignJWT({
        owner,
        scope: scopes.join(' '),
        ...(since !== undefined && { since }),
      })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(`${OUR_LIFE_S}s`)
      if (issuer !== undefined) jwt.setIssuer(issuer)
      if (audience !== undefined) jwt.setAudience(audience)
      const access_token = await jwt.sign(new TextEncoder().encode(jwtSecret))
      return { access_token, expires_in: OUR_LIFE_S }
    },

    async verify(token) {
      const digest = createHash('sha256').update(token).digest('base64')
      const known = remembered.get(digest, Date.now())
      if (known !== undefined) return asItStands(known)
      try {
        const { endsAtMs, ...verified } = await verify(token)
        remembered.set(digest, verified, endsAtMs, Date.now())
        return asItStands(verified)
      } catch (error) {
        if (error instanceof Problem) throw error
        throw invalidCredentials(reasonOf(error))
      }
    },
  }
}

/** The same for whatever was wrong; `reason` is for the log. */
export function invalidCredentials(reason: string): Problem {
  const headers = { 'www-authenticate': 'Bearer error="invalid_token"' }
  return new Problem('UNAUTHORIZED', 'The credentials are not valid.', undefined, {
    cause: reason,
    headers,
  })
}

class Unacceptable extends Error {}

/** In seconds. */
function endOf({ exp = NaN, iat }: JWTPayload): number {
  const now = Date.now() / 1_000
  const latest = now + CLOCK_TOLERANCE_S
  if (!(exp <= latest + LIFE_MAX_S)) throw new Unacceptable('exp is more than a day ahead')
  if (iat === undefined) return exp
  if (iat > latest) throw new Unacceptable('iat is in the future')
  if (exp - iat > LIFE_MAX_S) throw new Unacceptable('it lives for more than a day')
  return exp
}

function principalOf({ sub, owner, scope = '' }: JWTPayload, { isOurs }: KeySource): Principal {
  if (typeof scope !== 'string') throw new Unacceptable('scope is no text')
  const subject = cleanText(sub, 'sub')
  const scopes = new Set(scope.split(' ').filter(isScope))
  if (isOurs) return { subject, owner: cleanText(owner ?? sub, 'owner'), scopes }
  if (subject === LOCAL_OWNER) throw new Unacceptable('sub is the name of the local owner')
  return { subject, owner: subject, scopes }
}

function cleanText(value: unknown, claim: string): string {
  if (typeof value === 'string' && CLEAN.test(value)) return value
  throw new Unacceptable(`${claim} is no clean text`)
}

/** jose names the claim or the algorithm; what others say may quote the token. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JOSEError || error instanceof Unacceptable) return error.message
  return error instanceof Error ? error.name : 'unknown'
}
