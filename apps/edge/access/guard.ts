/** What stands before every route: who is it, may they, and not too often. */
import type { IncomingMessage } from 'node:http'
import { ANYBODY_HERE, type Principal } from './principal.ts'
import type { RouteAccess } from './routes.ts'

export interface Admitted {
  readonly principal: Principal
  /** What the answer tells of the limits, whatever it is. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Throws a `Problem` for whom it does not let in. */
export type Guard = (access: RouteAccess, incoming: IncomingMessage) => Admitted | Promise<Admitted>

const OPEN: Admitted = { principal: ANYBODY_HERE }

export const openGuard: Guard = () => OPEN
