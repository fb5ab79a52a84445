/**
 * The query of a request, as far as all surfaces read it alike.
 *
 * Invariant: a parameter that nobody understood is refused. A filter that is mistyped must not mean
 * everything.
 */
import { Problem } from '#domain/problem.ts'
import type { Exchange } from './exchange.ts'

export function queryOf({ incoming }: Pick<Exchange, 'incoming'>): URLSearchParams {
  return new URLSearchParams((incoming.url ?? '').split('?').slice(1).join('?'))
}

export function requireKnown(asked: Pick<Exchange, 'incoming'>, known: readonly string[]): void {
  const unknown = [...queryOf(asked).keys()].find((name) => !known.includes(name))
  if (unknown === undefined) return
  const field = unknown.slice(0, 64)
  const told = known.length === 0 ? 'there are none here' : `there are ${known.join(', ')}`
  throw new Problem('INVALID_REQUEST', `${field} is no query parameter; ${told}.`, { field, known })
}
