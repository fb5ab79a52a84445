/**
 * The users as an edge needs them for every sign-in and every use of a key, in memory
 * (`followed.ts`).
 *
 * Invariants:
 * 1. Whoever was deleted is remembered as gone, which is not the same as never heard of: a subject
 *    that we never heard of may come from an identity provider.
 * 2. A user whose events cannot be read is gone.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { isUnreadable, type Payloads } from '#events/jetstream/payloads.ts'
import { filters, aggregateTokenOf, token } from '#events/subjects.ts'
import type { User, UserEvent } from '#events/users.ts'
import type { Log } from '#runtime/log.ts'
import type { ByHeart } from '../knowledge/followed.ts'
import { covers, isScope } from './principal.ts'
import type { Standing } from './tokens.ts'

export type Known =
  | {
      readonly kind: 'living'
      readonly user: User
      /** Where on EVENTS this user begins: whoever had the name before is somebody else. */
      readonly since: number
    }
  | { readonly kind: 'gone' }

const GONE: Known = { kind: 'gone' }

export interface UsersOptions {
  readonly payloads: Payloads
  readonly log: Log
}

export class Users implements ByHeart {
  readonly filter = filters.userEvents
  readonly #options: UsersOptions
  /** By the token of the username. */
  readonly #users = new Map<string, Known>()

  constructor(options: UsersOptions) {
    this.#options = options
  }

  /** Undefined: never heard of. */
  find(username: string): Known | undefined {
    return this.#users.get(token(username))
  }

  /** Undefined if there is none now. */
  living(username: string): User | undefined {
    const known = this.find(username)
    return known?.kind === 'living' ? known.user : undefined
  }

  /**
   * What somebody who signed in then may do now: nothing once they are deleted, also if another got
   * their name since, and never more than they still may. Of a subject that we never heard of
   * nobody here can say more than its token does.
   */
  readonly standing: Standing = (principal, since) => {
    const known = this.find(principal.subject ?? '')
    if (known === undefined) return principal
    if (known.kind === 'gone') return undefined
    const { created_at, scopes: had } = known.user
    if (since !== undefined && since !== created_at) return undefined
    const has = new Set(had.filter(isScope))
    const scopes = new Set([...principal.scopes].filter((scope) => covers(has, scope)))
    return { ...principal, scopes }
  }

  async take(message: JsMsg): Promise<void> {
    const { payloads, log } = this.#options
    const name = aggregateTokenOf(message.subject)
    if (name === undefined) return
    try {
      const event = await payloads.open<UserEvent>(message)
      this.#users.set(name, this.#after(event, message.seq, this.#users.get(name)))
    } catch (error) {
      if (!isUnreadable(error) && !(error instanceof TypeError)) throw error
      this.#users.set(name, GONE)
      log.error('user_unreadable', { seq: message.seq, error })
    }
  }

  #after({ type, data }: UserEvent, seq: number, before: Known | undefined): Known {
    switch (type) {
      case 'user.created':
        return { kind: 'living', user: data, since: seq }
      case 'user.changed':
        return { kind: 'living', user: data, since: before?.kind === 'living' ? before.since : seq }
      case 'user.deleted':
        return GONE
    }
  }
}
