/**
 * That what is answered and what is documented are the same: the types bind the operations to the
 * two tables of routes, this binds the tables to what Hono has really been told.
 */
import { ROUTES } from '../access/routes.ts'
import { PLAIN_ROUTES } from '../operations/routes.ts'

export interface AppRoute {
  readonly method: string
  readonly path: string
}

/** They answer for whatever a path does not have. */
const FOR_ALL: ReadonlySet<string> = new Set(['OPTIONS', 'ALL'])
const TOLD: ReadonlySet<string> = new Set([...Object.keys(ROUTES), ...PLAIN_ROUTES])
const PATHS: ReadonlySet<string> = new Set(
  [...TOLD].map((route) => route.slice(route.indexOf('/'))),
)

/** Throws if a route of the app is in no table, or one of a table not in the app. */
export function requireTold(routes: readonly AppRoute[]): void {
  const isTold = ({ method, path }: AppRoute) =>
    FOR_ALL.has(method) ? PATHS.has(path) : TOLD.has(`${method} ${path}`)
  const there = new Set(routes.map(({ method, path }) => `${method} ${path}`))
  const untold = routes
    .filter((route) => !isTold(route))
    .map(({ method, path }) => `${method} ${path}`)
  const missing = [...TOLD].filter((route) => !there.has(route))
  if (untold.length === 0 && missing.length === 0) return
  throw new Error(
    `routes without an operation: ${untold.join(', ')}; without a handler: ${missing.join(', ')}`,
  )
}
