/**
 * Queries of the read models, as far along as the log was when the question came.
 *
 * Invariant: an unknown thing is a false 404 if the read model lags; it is "not now" instead.
 */
import { Problem } from '#domain/problem.ts'
import type { Db } from '#projections/database.ts'
import type { ReadModel } from '#runtime/read-model.ts'

/** SQLSTATE classes of a server that cannot answer: connection, resources, operator, system. */
const NOT_NOW = /^(08|53|57|58)/
const NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT'])

export interface Found<T> {
  readonly value: T
  /** False: the read model did not catch up in time. */
  readonly fresh: boolean
}

export class Queries {
  readonly #db: Db
  readonly #readModel: Pick<ReadModel, 'caughtUp'>
  readonly #said: () => Promise<unknown> | undefined

  /** `said`: resolves when what this edge has yet to say is on the log. */
  constructor(
    db: Db,
    readModel: Pick<ReadModel, 'caughtUp'>,
    said: () => Promise<unknown> | undefined,
  ) {
    this.#db = db
    this.#readModel = readModel
    this.#said = said
  }

  async ask<T>(query: (db: Db) => Promise<T>): Promise<Found<T>> {
    await this.#said()
    const fresh = await this.#readModel.caughtUp()
    try {
      return { value: await query(this.#db), fresh }
    } catch (error) {
      throw isOutage(error) ? outage(error) : error
    }
  }

  /** What is not found throws `missing`, or says "not now" if it may merely not be there yet. */
  async require<T>(
    query: (db: Db) => Promise<T | undefined>,
    missing: () => Problem,
  ): Promise<Found<T>> {
    const { value, fresh } = await this.ask(query)
    if (value !== undefined) return { value, fresh }
    throw fresh ? missing() : behind()
  }

  /** Undefined only for what is not there; what may merely not be there yet throws "not now". */
  async find<T>(query: (db: Db) => Promise<T | undefined>): Promise<T | undefined> {
    const { value, fresh } = await this.ask(query)
    if (value === undefined && !fresh) throw behind()
    return value
  }
}

function isOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.some(isOutage)
  const code = 'code' in error ? String(error.code) : ''
  return (
    NETWORK.has(code) ||
    NOT_NOW.test(code) ||
    /connection (terminated|timeout|ended)|timeout (exceeded|expired)|query read timeout/i.test(
      error.message,
    )
  )
}

function behind(): Problem {
  return new Problem('UNAVAILABLE', 'The read model is behind the log; ask again.')
}

function outage(cause: unknown): Problem {
  return new Problem('UNAVAILABLE', 'The database is out of reach.', undefined, { cause })
}
