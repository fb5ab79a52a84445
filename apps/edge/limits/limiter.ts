/**
 * How often somebody may: one answer, whether the counts are this process's own or shared by all
 * edges through Redis.
 *
 * Invariants:
 * 1. Nobody gets more than the limit in any window from one process, whatever Redis does: what it
 *    allows is counted here too, and what is over the limit here is refused without asking it. So
 *    neither its going nor its coming back lets anybody start anew.
 * 2. Without Redis at hand each process goes on by its own counts, but for the policies that a
 *    guesser would wait for: those are refused until it is back.
 */
import { createHash } from 'node:crypto'
import { Problem } from '#domain/problem.ts'
import type { RedisLink } from '../redis.ts'
import { decisionOf, UNLIMITED, type Decision, type Verdict } from './decision.ts'
import { ExactLog } from './exact-log.ts'
import { POLICIES, POLICY_NAMES, type PolicyName } from './policies.ts'
import { SharedLog } from './shared-log.ts'

export type { Decision } from './decision.ts'

const BACK_SOON_S = 1
/** Whoever is longer than this is known by a digest. */
const WHO_MAX = 100

export interface Limiter {
  /**
   * Counts one request of `who` under all windows of the policy, or, refused, under none. Answers
   * at once where the counts are at hand.
   */
  take(policy: PolicyName, who: string): Decision | Promise<Decision>
  /** Looks without counting. */
  peek(policy: PolicyName, who: string): Decision | Promise<Decision>
}

export interface Clock {
  /** Never goes back. */
  readonly monotonicMs: () => number
  readonly epochMs: () => number
}

const SYSTEM: Clock = { monotonicMs: () => performance.now(), epochMs: () => Date.now() }

export interface LimiterOptions {
  readonly redis?: RedisLink | undefined
  readonly clock?: Clock
}

export function createLimiter({ redis, clock = SYSTEM }: LimiterOptions = {}): Limiter {
  const own = new OwnLimiter(clock)
  return redis === undefined ? own : new SharedLimiter(own, redis, clock)
}

/** `RATE_LIMITS=off`. */
export const unlimited: Limiter = { take: () => UNLIMITED, peek: () => UNLIMITED }

class OwnLimiter implements Limiter {
  readonly #clock: Clock
  readonly #logs = new Map(POLICY_NAMES.map((name) => [name, new ExactLog(POLICIES[name].windows)]))

  constructor(clock: Clock) {
    this.#clock = clock
  }

  take(policy: PolicyName, who: string): Decision {
    return this.#decide(policy, this.#log(policy).take(keyOf(who), this.#clock.monotonicMs()))
  }

  peek(policy: PolicyName, who: string): Decision {
    return this.#decide(policy, this.#log(policy).peek(keyOf(who), this.#clock.monotonicMs()))
  }

  #log(policy: PolicyName): ExactLog {
    return this.#logs.get(policy) as ExactLog
  }

  #decide(policy: PolicyName, verdict: Verdict): Decision {
    return decisionOf(POLICIES[policy], verdict, this.#clock.epochMs())
  }
}

class SharedLimiter implements Limiter {
  readonly #own: OwnLimiter
  readonly #redis: RedisLink
  readonly #shared: SharedLog
  readonly #clock: Clock

  constructor(own: OwnLimiter, redis: RedisLink, clock: Clock) {
    this.#own = own
    this.#redis = redis
    this.#shared = new SharedLog(redis)
    this.#clock = clock
  }

  take(policy: PolicyName, who: string): Decision | Promise<Decision> {
    return this.#decide(policy, who, 'take')
  }

  peek(policy: PolicyName, who: string): Decision | Promise<Decision> {
    return this.#decide(policy, who, 'peek')
  }

  #decide(policy: PolicyName, who: string, how: 'take' | 'peek'): Decision | Promise<Decision> {
    const own = this.#own.peek(policy, who)
    if (!own.allowed) return own
    return this.#redis.isUp ? this.#together(policy, who, how) : this.#apart(policy, who, how)
  }

  async #together(policy: PolicyName, who: string, how: 'take' | 'peek'): Promise<Decision> {
    const { windows } = POLICIES[policy]
    const verdict = await this.#shared[how](`${policy}:${keyOf(who)}`, windows)
    if (verdict === undefined) return this.#apart(policy, who, how)
    if (verdict.allowed) {
      const own = this.#own[how](policy, who)
      // Those that were on their way to Redis together with this one.
      if (!own.allowed) return own
    }
    return decisionOf(POLICIES[policy], verdict, this.#clock.epochMs())
  }

  #apart(policy: PolicyName, who: string, how: 'take' | 'peek'): Decision {
    if (POLICIES[policy].apart === 'each') return this.#own[how](policy, who)
    throw new Problem(
      'UNAVAILABLE',
      'Attempts cannot be counted at the moment, so none is let through.',
      undefined,
      { retryAfterS: BACK_SOON_S },
    )
  }
}

function keyOf(who: string): string {
  return who.length <= WHO_MAX ? who : createHash('sha256').update(who).digest('base64url')
}
