/** Whose format a request is answered in that meets no route: that of the API which its path names. */
import type { Dialect } from '../http/exchange.ts'
import { authDialect } from './auth/dialect.ts'
import { functionsDialect } from './functions/dialect.ts'
import { lambdaDialect } from './lambda/dialect.ts'
import { operationsDialect } from './operations/dialect.ts'

const LAMBDA = /^\/api\/v1\/(?:initialize|execute|sessions|functions)(?:\/|$)/
const CHUNKS = /^\/api\/v1\/(?:chunks|documents|batch|similarity|optimizations|auth)(?:\/|$)/
const OURS = /^\/(?:api|docs|graphql|(?:open|async)api\.json)(?:\/|$)/

/** Of a path or a URL's tail; undefined: bytes that name none. */
export function dialectOf(path: string | undefined): Dialect {
  const named = (path ?? '').split('?', 1)[0] ?? ''
  if (LAMBDA.test(named)) return lambdaDialect
  if (CHUNKS.test(named)) return authDialect
  return OURS.test(named) ? operationsDialect : functionsDialect
}
