/** Query parameters that are whole numbers, and the page that they ask for. */
import Type from 'typebox'
import { excerpt, Problem } from '#domain/problem.ts'
import type { Parameter } from '../documents/operation.ts'
import type { Exchange } from './exchange.ts'
import { Id } from './shapes.ts'

const PER_PAGE_MAX = 100
/** An offset costs what it skips. */
const OFFSET_ROWS_MAX = 10_000

export interface Page {
  readonly page: number
  readonly perPage: number
}

/** What `pageOf` reads, told. */
export const pageQuery: Readonly<Record<string, Parameter>> = {
  page: {
    schema: Type.Integer({ minimum: 1, maximum: OFFSET_ROWS_MAX, default: 1 }),
    description: `Pages end with row ${OFFSET_ROWS_MAX}, whatever \`per_page\` is.`,
  },
  per_page: {
    schema: Type.Integer({ minimum: 1, maximum: PER_PAGE_MAX, default: PER_PAGE_MAX }),
  },
}

/** Beside the rows of a page. */
export const paged = {
  page: Id('From 1.'),
  per_page: Id('As asked for.'),
  has_more: Type.Boolean(),
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
    given: excerpt(text),
  })
}
