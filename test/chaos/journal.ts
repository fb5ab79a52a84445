/**
 * What the driver tried and what it was told, in its own memory: the platform is judged by it.
 *
 * Invariants:
 * 1. Every invocation carries a number of its own in its event, so whatever the log holds is led
 *    back to exactly one attempt, also when its answer never came.
 * 2. An attempt is noted before it is sent; a violation is noted once, with what was seen.
 */
import type { Outcome } from './exchange.ts'

export type Kind = 'sync' | 'async' | 'wait' | 'register' | 'update' | 'delete' | 'read'

export interface Invocation {
  readonly n: number
  readonly functionId: number
  readonly kind: Kind
  answered: boolean
}

/** What a 2xx said of a job. */
export interface Told {
  readonly jobId: number
  readonly n: number
  readonly functionId: number
  /** Undefined: accepted only. */
  readonly end: ToldEnd | undefined
}

export interface ToldEnd {
  readonly status: string
  readonly result: unknown
  readonly attempt: unknown
}

export interface Known {
  readonly functionId: number
  readonly name: string
  /** The highest version that a 2xx named. */
  version: number
  /** `asked`: perhaps; `deleted`: a 204 came. */
  deletion: 'none' | 'asked' | 'deleted'
}

const VIOLATIONS_KEPT = 200

export class Journal {
  readonly invocations = new Map<number, Invocation>()
  readonly told = new Map<number, Told>()
  readonly functions = new Map<number, Known>()
  /** Names whose registration got no answer, or a 5xx. */
  readonly uncertainNames = new Set<string>()
  /** Names that a 409 called taken. */
  readonly takenNames = new Set<string>()
  readonly violations: string[] = []
  readonly requests = new Map<Kind, number>()
  /** `200`, `503 UNAVAILABLE`, `closed ECONNRESET`, … */
  readonly outcomes = new Map<string, number>()
  readonly longestMs = new Map<Kind, number>()
  stale = 0
  #next = 1

  /** A number that no other attempt has. */
  number(): number {
    return this.#next++
  }

  invoking(functionId: number, kind: Kind): Invocation {
    const invocation = { n: this.number(), functionId, kind, answered: false }
    this.invocations.set(invocation.n, invocation)
    return invocation
  }

  note(kind: Kind, outcome: Outcome, code: string): void {
    count(this.requests, kind)
    const label = outcome.kind === 'answered' ? `${outcome.status} ${code}`.trim() : outcome.kind
    count(this.outcomes, outcome.kind === 'closed' ? `closed ${outcome.code}` : label)
    this.longestMs.set(kind, Math.max(outcome.ms, this.longestMs.get(kind) ?? 0))
  }

  tell(told: Told): void {
    const before = this.told.get(told.jobId)
    if (before !== undefined && before.n !== told.n) {
      this.violate(`job ${told.jobId} was answered to attempts ${before.n} and ${told.n}`)
    }
    this.told.set(told.jobId, { ...told, end: told.end ?? before?.end })
  }

  violate(what: string): void {
    if (this.violations.length < VIOLATIONS_KEPT) this.violations.push(what)
  }
}

export function count<Key>(counts: Map<Key, number>, key: Key, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}
