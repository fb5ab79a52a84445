/**
 * What the resolvers of one request share: who asks, and the read models as that one may see them.
 *
 * Invariants:
 * 1. A field needs the scope of the REST route that shows the same, and shows the owner's own only.
 * 2. What our code throws reaches the caller as the problem that it is, by its code; what nobody
 *    foresaw goes to the log in full and to the caller not at all.
 * 3. Fields of a list that ask for one thing each ask together, once a turn.
 */
import { GraphQLError } from 'graphql'
import type { Db } from '#projections/database.ts'
import type { Problem } from '#domain/problem.ts'
import type { Log } from '#runtime/log.ts'
import { requireScope, type Principal } from '../../access/principal.ts'
import { ROUTES, type RouteName } from '../../access/routes.ts'
import { asProblem } from '../../http/exchange.ts'
import type { Filter } from '../../feed/filter.ts'
import type { Subscription } from '../../feed/subscription.ts'
import type { Queries } from '../../queries.ts'

/** For as long as the caller may read what `route` shows. */
type Follow = (route: RouteName, filter: Filter, after?: number) => Promise<Subscription>

export interface AskingOptions {
  readonly principal: Principal
  readonly requestId: string
  readonly queries: Queries
  readonly log: Log
  /** Ends when the caller has gone. */
  readonly follow: Follow
}

export class Asking {
  readonly principal: Principal
  readonly #options: AskingOptions
  readonly #batches = new Map<Load<never, unknown>, Batch<never, unknown>>()
  /** An answer came from a read model that had not caught up. */
  stale = false

  constructor(options: AskingOptions) {
    this.#options = options
    this.principal = options.principal
  }

  get owner(): string {
    return this.principal.owner
  }

  /** The caller's own events. */
  follow(route: RouteName, filter: Filter, after?: number): Promise<Subscription> {
    return this.#options.follow(route, filter, after)
  }

  async ask<T>(query: (db: Db, owner: string) => Promise<T>): Promise<T> {
    const { value, fresh } = await this.#options.queries.ask((db) => query(db, this.owner))
    this.stale ||= !fresh
    return value
  }

  /** What is not found throws `missing`. */
  async require<T>(
    query: (db: Db, owner: string) => Promise<T | undefined>,
    missing: () => Problem,
  ): Promise<T> {
    const { queries } = this.#options
    const { value, fresh } = await queries.require((db) => query(db, this.owner), missing)
    this.stale ||= !fresh
    return value
  }

  /** `load` is asked once for all keys that this turn names. */
  async together<Key, Value>(load: Load<Key, Value>, key: Key): Promise<Value | undefined> {
    const batches = this.#batches as unknown as Map<Load<Key, Value>, Batch<Key, Value>>
    let batch = batches.get(load)
    if (batch === undefined) {
      const keys = new Set<Key>()
      const found = new Promise((resolve) => setImmediate(resolve)).then(() => {
        batches.delete(load)
        return this.ask((db, owner) => load(db, owner, [...keys]))
      })
      batch = { keys, found }
      batches.set(load, batch)
    }
    batch.keys.add(key)
    return (await batch.found).get(key)
  }

  told(error: unknown, field: string): GraphQLError {
    const { log, requestId } = this.#options
    const problem = asProblem(error)
    const { code, message, details } = problem
    const fields = { requestId, field, code, message }
    if (code === 'INTERNAL') log.error('request_failed', { ...fields, error: problem })
    else log.info('request_refused', fields)
    return new GraphQLError(message, {
      extensions: { code, ...(details !== undefined && { details }) },
    })
  }
}

export type Load<Key, Value> = (
  db: Db,
  owner: string,
  keys: readonly Key[],
) => Promise<ReadonlyMap<Key, Value>>

interface Batch<Key, Value> {
  readonly keys: Set<Key>
  readonly found: Promise<ReadonlyMap<Key, Value>>
}

/** What graphql hands to every resolver. */
export interface AskingContext {
  readonly asking: Asking
}

/** A field that shows what `route` shows. */
export function as<Source, Args, Value = unknown>(
  route: RouteName,
  resolve: (source: Source, args: Args, asking: Asking) => Value | Promise<Value>,
) {
  return async (source: Source, args: Args, { asking }: AskingContext): Promise<Value> => {
    try {
      requireScope(asking.principal, ROUTES[route].scopes)
      return await resolve(source, args, asking)
    } catch (error) {
      throw asking.told(error, route)
    }
  }
}
