/**
 * What a list of optimizations is asked for: filters, order and page.
 * Source: "分页", "排序" and "过滤" of the chunk API's document.
 */
import Type from 'typebox'
import type { OptimizationFilter, OptimizationOrder } from '#projections/optimization-queries.ts'
import { impossible, refused } from '../../chunks/valid.ts'
import type { Parameter } from '../../documents/operation.ts'
import type { Exchange } from '../../http/exchange.ts'

const PER_PAGE_DEFAULT = 20
const PER_PAGE_MAX = 100
const PAGE_MAX = 1_000_000
const SEARCH_MAX = 256
/** RFC 3339, or a day alone. */
const TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?$/
/** As far as years have four digits, and there is one at all, wherever on earth it is. */
const EARLIEST = Date.parse('0001-01-01')
const LATEST = Date.parse('9999-12-31T23:59:59.999Z')

/** What a day alone means at either end of a range: it is within. */
const DAY_BEGINS = 'T00:00:00.000Z'
const DAY_ENDS = 'T23:59:59.999Z'

const SORT_BY = ['created_at', 'priority', 'overall_score'] as const
const ORDERS = ['asc', 'desc'] as const
const TYPES = ['quality', 'redundancy', 'size', 'similarity'] as const
const PRIORITIES = ['low', 'medium', 'high'] as const
const STATUSES = ['pending', 'applied', 'ignored'] as const

const whole = (maximum: number, fallback: number): Parameter => ({
  schema: Type.Integer({ minimum: 1, maximum, default: fallback }),
})
const among = (values: readonly string[], fallback?: string): Parameter => ({
  schema: Type.Enum([...values], fallback === undefined ? {} : { default: fallback }),
})
const scoreAs = (description: string): Parameter => ({
  schema: Type.Number({ minimum: 0, maximum: 1 }),
  description,
})
const timeAs = (description: string): Parameter => ({
  schema: Type.String({ pattern: TIME.source }),
  description: `${description} ISO 8601, UTC where no zone is said.`,
})
const idOf = (what: string): Parameter => ({
  schema: Type.String(),
  description: `Of this ${what} only.`,
})

/** What may be asked for, as the document of the API shows it. */
export const LISTING_QUERY = {
  page: whole(PAGE_MAX, 1),
  per_page: whole(PER_PAGE_MAX, PER_PAGE_DEFAULT),
  sort_by: among(SORT_BY, 'created_at'),
  order: among(ORDERS, 'desc'),
  type: among(TYPES),
  priority: among(PRIORITIES),
  status: among(STATUSES),
  min_score: scoreAs('The least overall score.'),
  max_score: scoreAs('The greatest overall score.'),
  date_from: timeAs('Not before it; a day alone counts whole.'),
  date_to: timeAs('Not after it; a day alone counts whole.'),
  document_id: idOf('document'),
  batch_id: idOf('batch'),
  chunk_id: idOf('chunk'),
  q: {
    schema: Type.String({ maxLength: SEARCH_MAX }),
    description:
      'Words, whole or begun, all of which are in the title, the description, the suggested action or ' +
      'the id of the chunk. In Chinese, Japanese, Korean and Thai any part of a word.',
  },
} as const satisfies Readonly<Record<string, Parameter>>

type Query = Pick<Exchange, 'query'>

export function orderIn(asked: Query): OptimizationOrder {
  return {
    page: wholeNumber(asked, 'page', 1, PAGE_MAX),
    perPage: wholeNumber(asked, 'per_page', PER_PAGE_DEFAULT, PER_PAGE_MAX),
    sortBy: oneOf(asked, 'sort_by', SORT_BY) ?? 'created_at',
    order: oneOf(asked, 'order', ORDERS) ?? 'desc',
  }
}

export function filterIn(asked: Query): OptimizationFilter {
  const filter: OptimizationFilter = withoutGaps({
    type: oneOf(asked, 'type', TYPES),
    priority: oneOf(asked, 'priority', PRIORITIES),
    status: oneOf(asked, 'status', STATUSES),
    min_score: score(asked, 'min_score'),
    max_score: score(asked, 'max_score'),
    date_from: time(asked, 'date_from', DAY_BEGINS),
    date_to: time(asked, 'date_to', DAY_ENDS),
    document_id: id(asked, 'document_id'),
    batch_id: id(asked, 'batch_id'),
    chunk_id: id(asked, 'chunk_id'),
    q: searched(asked),
  })
  requireOrdered(filter, 'min_score', 'max_score')
  requireOrdered(filter, 'date_from', 'date_to')
  return filter
}

/** Nothing is both: that is a mistake, and no list without entries. */
function requireOrdered(
  filter: OptimizationFilter,
  ...[from, to]: ['min_score', 'max_score'] | ['date_from', 'date_to']
): void {
  const [least, greatest] = [filter[from], filter[to]]
  if (least === undefined || greatest === undefined || least <= greatest) return
  throw impossible(from, 'maximum', `must not be more than ${to}`)
}

type Gappy<T> = { readonly [Key in keyof T]?: T[Key] | undefined }

const withoutGaps = (filter: Gappy<OptimizationFilter>) =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined))

/** No id of ours has what Postgres cannot hold, so it finds nothing. */
export const clean = (text: string) => text.replaceAll('\0', '\uFFFD').toWellFormed()

function id({ query }: Query, name: string): string | undefined {
  const text = query(name)
  return text === undefined ? undefined : clean(text)
}

function searched({ query }: Query): string | undefined {
  const text = query('q')
  if (text === undefined || text.trim() === '') return undefined
  if (text.length <= SEARCH_MAX) return text
  throw impossible('q', 'max_length', `must not be longer than ${SEARCH_MAX}`)
}

function wholeNumber({ query }: Query, name: string, fallback: number, max: number): number {
  const text = query(name)
  if (text === undefined) return fallback
  if (!/^-?\d{1,15}$/.test(text)) throw refused(name, 'type', 'must be an integer')
  const value = Number(text)
  if (value >= 1 && value <= max) return value
  throw impossible(name, value < 1 ? 'minimum' : 'maximum', `must be from 1 to ${max}`)
}

function oneOf<Value extends string>(
  { query }: Query,
  name: string,
  values: readonly Value[],
): Value | undefined {
  const text = query(name)
  if (text === undefined) return undefined
  const value = values.find((one) => one === text)
  if (value !== undefined) return value
  throw impossible(name, 'enum', `must be one of ${values.join(', ')}`)
}

function score({ query }: Query, name: string): number | undefined {
  const text = query(name)
  if (text === undefined) return undefined
  if (!/^-?\d{0,9}\.?\d{0,20}(?:[eE][+-]?\d{1,3})?$/.test(text) || !/\d/.test(text)) {
    throw refused(name, 'type', 'must be a number')
  }
  const value = Number(text)
  if (value >= 0 && value <= 1) return value
  throw impossible(name, value < 0 ? 'minimum' : 'maximum', 'must be from 0 to 1')
}

function time({ query }: Query, name: string, ofDay: string): string | undefined {
  const text = query(name)
  if (text === undefined) return undefined
  if (!TIME.test(text)) throw refused(name, 'type', 'must be a time in ISO 8601')
  const isLocal = !/(?:Z|[+-]\d\d:\d\d)$/.test(text)
  const at = Date.parse(text.includes('T') ? `${text}${isLocal ? 'Z' : ''}` : text + ofDay)
  if (at >= EARLIEST && at <= LATEST && isOnCalendar(text.slice(0, 10))) {
    return new Date(at).toISOString()
  }
  throw impossible(name, 'format', 'must be a time that there is')
}

/** `Date` takes the 31st of February for the 2nd of March. */
const isOnCalendar = (day: string) => new Date(Date.parse(day)).toISOString().startsWith(day)
