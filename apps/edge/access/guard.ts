/**
 * What stands before every route: who is it, may they, and not too often.
 *
 * Invariants:
 * 1. Wrong credentials are refused everywhere, also where none are needed.
 * 2. Whoever is not known, or not by what they show, counts by their address alone: nobody spends
 *    what belongs to somebody else. Whoever is known counts as themselves, wherever they are.
 * 3. What the limits say is told with every answer of a route that has one, the refusals too.
 * 4. Nothing is awaited that is at hand: an open instance pays no turn of the loop for its guard.
 */
import type { IncomingMessage } from 'node:http'
import { Problem } from '#domain/problem.ts'
import type { AuthMode } from '#runtime/config-access.ts'
import { clientAddress } from '../limits/client-address.ts'
import type { Decision, Limiter } from '../limits/limiter.ts'
import { policyFor } from '../limits/policies.ts'
import type { KeyRing, Tokens } from './credentials.ts'
import { presentedBy } from './presented.ts'
import { ANYBODY_HERE, mayDo, missingScope, NOBODY, type Principal } from './principal.ts'
import type { RouteAccess } from './routes.ts'
import { invalidCredentials } from './tokens.ts'

/** What the answer tells of the limits, whatever it is. */
type Told = { readonly headers?: Readonly<Record<string, string>> }

export type Verdict =
  (Told & { readonly principal: Principal }) | (Told & { readonly refused: Problem })

type Eventually<T> = T | Promise<T>

/** As much of a request as says whose it is; a call of gRPC can say so too. */
export type Caller = Pick<IncomingMessage, 'headers' | 'headersDistinct'> & {
  readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'>
}

/** Throws a `Problem` only if it cannot tell. */
export type Guard = (access: RouteAccess, incoming: Caller) => Eventually<Verdict>

export interface GuardOptions {
  readonly auth: AuthMode
  readonly keys: KeyRing
  readonly tokens: Tokens
  readonly limiter: Limiter
  readonly trustedProxies: number
}

const PUBLIC: Verdict = { principal: NOBODY }

export function createGuard(options: GuardOptions): Guard {
  const { auth, keys, tokens, limiter, trustedProxies } = options

  /** A problem: nobody that we know. */
  function identify({ closed }: RouteAccess, incoming: Caller): Eventually<Principal | Problem> {
    const shown = presentedBy(incoming)
    if (shown === 'none') return auth === 'open' && closed !== true ? ANYBODY_HERE : noCredentials()
    if (shown === 'unreadable') return invalidCredentials('not one readable credential')
    if (shown.kind === 'key') {
      return keys.principalOf(shown.text) ?? invalidCredentials('no key of ours')
    }
    return tokens.verify(shown.text).catch(unauthorized)
  }

  function count(
    who: Principal | Problem,
    { limit }: RouteAccess,
    incoming: Caller,
  ): Eventually<Decision> | undefined {
    // The token endpoint counts failures, by itself.
    if (limit === undefined || limit === 'token') return undefined
    if (who instanceof Problem || who.subject === undefined) {
      const address = clientAddress(incoming, trustedProxies)
      return limiter.take(policyFor(limit, false), `address ${address}`)
    }
    return limiter.take(policyFor(limit, true), `principal ${who.owner} ${who.subject}`)
  }

  function admit(
    who: Principal | Problem,
    access: RouteAccess,
    incoming: Caller,
  ): Eventually<Verdict> {
    const decision = count(who, access, incoming)
    if (decision instanceof Promise) return decision.then((it) => judge(who, access, it))
    return judge(who, access, decision)
  }

  return (access, incoming) => {
    if (access.scopes.length === 0) return PUBLIC
    const who = identify(access, incoming)
    if (who instanceof Promise) return who.then((it) => admit(it, access, incoming))
    return admit(who, access, incoming)
  }
}

function judge(who: Principal | Problem, { scopes }: RouteAccess, decision?: Decision): Verdict {
  const told = decision === undefined ? undefined : { headers: decision.headers }
  if (decision?.allowed === false) return { ...told, refused: tooOften(decision) }
  if (who instanceof Problem) return { ...told, refused: who }
  if (!mayDo(who, scopes)) return { ...told, refused: missingScope(scopes) }
  return { ...told, principal: who }
}

function tooOften({ retryAfterS, headers }: Decision): Problem {
  const message = 'Too many requests; Retry-After says when there is room again.'
  const details = { retry_after: retryAfterS }
  return new Problem('RATE_LIMITED', message, details, { retryAfterS, headers })
}

function noCredentials(): Problem {
  const headers = { 'www-authenticate': 'Bearer' }
  const message = 'This needs credentials: Authorization: Bearer <token or API key>, or X-API-Key.'
  return new Problem('UNAUTHORIZED', message, undefined, { headers })
}

/** Other problems are not about whom the token speaks for. */
function unauthorized(error: unknown): Problem {
  if (error instanceof Problem && error.code === 'UNAUTHORIZED') return error
  throw error
}
