/** Who there is: the token endpoint, users and API keys. */
import type { Limiter } from '../../limits/limiter.ts'
import { Hashing } from '../../access/hashing.ts'
import { createSignIn } from '../../access/sign-in.ts'
import { Router, type RouterOptions } from '../../http/exchange.ts'
import { authDialect } from '../auth/dialect.ts'
import { tokenRoute, type TokenRouteOptions } from '../auth/token.ts'
import { operationsDialect } from '../operations/dialect.ts'
import { keyRoutes, type KeyRoutesOptions } from './keys.ts'
import { userRoutes, type UserRoutesOptions } from './users.ts'

export type AccountsOptions = KeyRoutesOptions &
  Omit<UserRoutesOptions, 'hashing'> &
  Omit<TokenRouteOptions, 'signIn'> & { readonly limiter: Limiter }

export function mountAccounts(
  routing: Omit<RouterOptions, 'dialect'>,
  options: AccountsOptions,
): void {
  const { users, limiter } = options
  const hashing = new Hashing()
  const signIn = createSignIn({ users, hashing, limiter })
  const signing = new Router({ ...routing, dialect: authDialect })
  tokenRoute(signing, { ...options, signIn })
  signing.close()
  const accounts = new Router({ ...routing, dialect: operationsDialect })
  userRoutes(accounts, { ...options, hashing })
  keyRoutes(accounts, options)
  accounts.close()
}
