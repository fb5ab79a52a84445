/**
 * Who sends a request, and what they may do.
 * Source: section 3.2 of the lambda API document, with scopes of our own behind its five.
 */
import { Problem } from '#domain/problem.ts'
import { LOCAL_OWNER, type Runtime } from '#events/functions.ts'

export const SCOPES = [
  'execute:all',
  'execute:nodejs',
  'execute:python',
  'execute:rust',
  'read:functions',
  'functions:write',
  'jobs:read',
  'jobs:write',
  'events:read',
  'chunks:read',
  'chunks:write',
  'keys:write',
  'admin',
] as const
export type Scope = (typeof SCOPES)[number]

export interface Principal {
  /** Whose functions, sessions and jobs these are. */
  readonly owner: string
  /** The user or the key, as logs and limits name it; undefined: nobody has said who they are. */
  readonly subject: string | undefined
  readonly scopes: ReadonlySet<Scope>
}

/** Whoever reaches an open instance; it listens on loopback only. */
export const ANYBODY_HERE: Principal = Object.freeze({
  owner: LOCAL_OWNER,
  subject: undefined,
  scopes: new Set<Scope>(SCOPES),
})

/** On routes that want nothing of anybody. */
export const NOBODY: Principal = Object.freeze({
  owner: '',
  subject: undefined,
  scopes: new Set<Scope>(),
})

export const isScope = (text: string): text is Scope => (SCOPES as readonly string[]).includes(text)

/** `admin` may do everything, `execute:all` runs every runtime. */
export function mayDo({ scopes }: Principal, wanted: readonly Scope[]): boolean {
  return scopes.has('admin') || wanted.some((scope) => scopes.has(scope))
}

/** Whether what these scopes allow includes all that `wanted` allows. */
export function covers(scopes: ReadonlySet<Scope>, wanted: Scope): boolean {
  if (scopes.has('admin') || scopes.has(wanted)) return true
  return wanted.startsWith('execute:') && scopes.has('execute:all')
}

export function requireScope(principal: Principal, wanted: readonly Scope[]): void {
  if (!mayDo(principal, wanted)) throw missingScope(wanted)
}

export function missingScope(wanted: readonly Scope[]): Problem {
  const challenge = `Bearer error="insufficient_scope", scope="${wanted.join(' ')}"`
  return new Problem(
    'FORBIDDEN',
    `This needs the scope ${wanted.join(' or ')}.`,
    { required_scope: wanted },
    { headers: { 'www-authenticate': challenge } },
  )
}

export function requireExecute(principal: Principal, runtime: Runtime): void {
  requireScope(principal, ['execute:all', `execute:${runtime}` as Scope])
}
