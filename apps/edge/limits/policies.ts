/**
 * How often somebody may do what: the figures, as data.
 *
 * Sources: section 4 of the lambda API document (execute, functions), "限流" of the chunk API's
 * (chunks). Those of the token endpoint are ours: what counts there are failures, of an address at
 * all, of an address at one account, and at one account from everywhere. The last is only a brake for
 * guessers with many addresses: were it as tight as the others, anybody could keep anybody out.
 */
import type { LimitName } from '../access/routes.ts'

const MINUTE_S = 60
const HOUR_S = 3_600

export interface Window {
  /** As the `RateLimit` fields name it. */
  readonly name: string
  readonly limit: number
  readonly windowS: number
}

export interface Policy {
  /** All of them hold at once. */
  readonly windows: readonly Window[]
  /** When those who should share their counts cannot: each by itself, or nobody at all. */
  readonly apart: 'each' | 'nobody'
}

const each = (...windows: readonly Window[]): Policy => ({ windows, apart: 'each' })
const nobody = (...windows: readonly Window[]): Policy => ({ windows, apart: 'nobody' })

export const POLICIES = {
  execute: each({ name: 'execute', limit: 100, windowS: MINUTE_S }),
  'execute-anonymous': each({ name: 'execute', limit: 10, windowS: MINUTE_S }),
  functions: each({ name: 'functions', limit: 60, windowS: MINUTE_S }),
  'functions-anonymous': each({ name: 'functions', limit: 10, windowS: MINUTE_S }),
  'token-address': nobody({ name: 'token', limit: 20, windowS: MINUTE_S }),
  'token-account-at-address': nobody({ name: 'token', limit: 5, windowS: MINUTE_S }),
  'token-account': nobody({ name: 'token', limit: 100, windowS: MINUTE_S }),
  chunks: each(
    { name: 'minute', limit: 100, windowS: MINUTE_S },
    { name: 'hour', limit: 1_000, windowS: HOUR_S },
  ),
} as const satisfies Readonly<Record<string, Policy>>

export type PolicyName = keyof typeof POLICIES
export const POLICY_NAMES = Object.keys(POLICIES) as PolicyName[]

/** Which policy a route's limit means; the token endpoint asks for its three by name. */
export function policyFor(limit: Exclude<LimitName, 'token'>, authenticated: boolean): PolicyName {
  // The document gives users and addresses the same.
  if (limit === 'chunks') return limit
  return authenticated ? limit : `${limit}-anonymous`
}
