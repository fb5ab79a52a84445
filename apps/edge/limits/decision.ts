/**
 * What a limit decided, and how the answer tells it: the `X-Rate-Limit-*` fields of the documents,
 * and the IETF's `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
 *
 * Of several windows the one with the least left is told; `Retry-After` never disagrees with it.
 */
import type { Policy, Window } from './policies.ts'

export interface WindowState {
  readonly remaining: number
  /** Until the oldest that counts leaves the window, and one more may come; 0: none counts. */
  readonly resetMs: number
}

export interface Verdict {
  readonly allowed: boolean
  /** In the order of the policy's windows. */
  readonly states: readonly WindowState[]
}

export interface Decision {
  readonly allowed: boolean
  /** For the answer, whatever it is. */
  readonly headers: Readonly<Record<string, string>>
  /** 0 when allowed. */
  readonly retryAfterS: number
}

export const UNLIMITED: Decision = Object.freeze({ allowed: true, headers: {}, retryAfterS: 0 })

const told = new Map<Policy, string>()

export function decisionOf(policy: Policy, verdict: Verdict, epochMs: number): Decision {
  const { allowed, states } = verdict
  const [window, { remaining, resetMs }] = tightest(policy, states)
  const resetS = Math.ceil(resetMs / 1_000)
  const retryAfterS = allowed ? 0 : Math.max(1, resetS)
  const headers: Record<string, string> = {
    'x-rate-limit-limit': String(window.limit),
    'x-rate-limit-remaining': String(remaining),
    'x-rate-limit-reset': String(Math.ceil((epochMs + resetMs) / 1_000)),
    'ratelimit-policy': policyField(policy),
    ratelimit: `"${window.name}";r=${remaining};t=${allowed ? resetS : retryAfterS}`,
  }
  if (!allowed) headers['retry-after'] = String(retryAfterS)
  return { allowed, headers, retryAfterS }
}

/** The least left; among those, the longest to wait for. */
function tightest({ windows }: Policy, states: readonly WindowState[]): [Window, WindowState] {
  let found = 0
  for (let index = 1; index < states.length; index++) {
    const [one, best] = [states[index] as WindowState, states[found] as WindowState]
    const tighter = one.remaining - best.remaining || best.resetMs - one.resetMs
    if (tighter < 0) found = index
  }
  return [windows[found] as Window, states[found] as WindowState]
}

function policyField(policy: Policy): string {
  const known = told.get(policy)
  if (known !== undefined) return known
  const field = policy.windows
    .map(({ name, limit, windowS }) => `"${name}";q=${limit};w=${windowS}`)
    .join(', ')
  told.set(policy, field)
  return field
}
