/** What a request may show to say who sends it: a key of ours, or a token. */
import type { Principal, Scope } from './principal.ts'

export interface KeyRing {
  /** The principal of a presented API key; undefined: it is none of ours, revoked or expired. */
  principalOf(presented: string): Principal | undefined
}

/** Whom a token of ours speaks for. */
export interface TokenUser {
  readonly subject: string
  readonly owner: string
  readonly scopes: readonly Scope[]
  /** When this user began: whoever gets the name later is somebody else. */
  readonly since?: string
}

export interface SignedToken {
  readonly access_token: string
  /** Seconds. */
  readonly expires_in: number
}

export interface Tokens {
  /** A token for a user, as POST /api/v1/auth/token answers it. */
  sign(user: TokenUser): Promise<SignedToken>
  /** Throws a `Problem` UNAUTHORIZED, or UNAVAILABLE while the keys cannot be had. */
  verify(token: string): Promise<Principal>
}
