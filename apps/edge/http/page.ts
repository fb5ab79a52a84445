/** Query parameters that are whole numbers, and the page that they ask for. */
import { Problem } from '#domain/problem.ts'
import type { Exchange } from './exchange.ts'

const PER_PAGE_MAX = 100
/** An offset costs what it skips. */
const OFFSET_ROWS_MAX = 10_000

export interface Page {
  readonly page: number
  readonly perPage: number
}

export function pageOf({ query }: Pick<Exchange, 'query'>): Page {
  const perPage = wholeNumber({ query }, 'per_page', PER_PAGE_MAX, PER_PAGE_MAX)
  const page = wholeNumber({ query }, 'page', 1, Math.floor(OFFSET_ROWS_MAX / perPage))
  return { page, perPage }
}

/** A query parameter from 1 to `max`. */
export function wholeNumber(
  { query }: Pick<Exchange, 'query'>,
  name: string,
  fallback: number,
  max: number,
): number {
  const text = query(name)
  if (text === undefined) return fallback
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (value >= 1 && value <= max) return value
  throw new Problem('INVALID_REQUEST', `${name} must be a whole number from 1 to ${max}.`, {
    field: name,
    given: text.slice(0, 64),
  })
}
