/**
 * The query of a request, as far as all surfaces read it alike.
 *
 * Invariants:
 * 1. Who reads suggestions, reports, events or dead letters is refused a parameter that nobody
 *    understood: a filter that is mistyped must not mean everything. Other routes leave it alone.
 * 2. A parameter that means one value is refused if it has two: nobody knows which one was meant.
 */
import { excerpt, Problem } from '#domain/problem.ts'
import type { Exchange } from './exchange.ts'

export function queryOf({ incoming }: Pick<Exchange, 'incoming'>): URLSearchParams {
  return new URLSearchParams((incoming.url ?? '').split('?').slice(1).join('?'))
}

export function onlyOne(name: string, values: readonly string[]): string | undefined {
  if (values.length <= 1) return values[0]
  const message = `${name} is a query parameter that may be given once only.`
  throw new Problem('INVALID_REQUEST', message, { field: name, constraint: 'once' })
}

export function requireKnown(asked: Pick<Exchange, 'incoming'>, known: readonly string[]): void {
  const unknown = [...queryOf(asked).keys()].find((name) => !known.includes(name))
  if (unknown === undefined) return
  const field = excerpt(unknown)
  const told = known.length === 0 ? 'there are none here' : `there are ${known.join(', ')}`
  const details = { field, constraint: 'known', known }
  throw new Problem('INVALID_REQUEST', `${field} is no query parameter; ${told}.`, details)
}
