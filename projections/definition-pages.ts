/**
 * Pages of rows that carry a function's definition, code and all: what one answer may hold of them.
 */
import { sql, type RawBuilder } from 'kysely'

export interface CursorRequest {
  readonly first: number
  /** The last one that was seen; none: from the beginning. */
  readonly after?: number | undefined
}

/** Definitions of a page, as text. */
export const DEFINITION_BYTES_MAX = 8 * 1024 ** 2

/** Of the rows before it on its page. */
export const bytesBefore = (order: RawBuilder<unknown>) =>
  sql<number>`coalesce(sum(octet_length(definition::text)) over (
    order by ${order} rows between unbounded preceding and 1 preceding), 0)`

/** `rows`: one more than asked for, if there is one; `found` counts those that no bound cut off. */
export function pageWithin<Row extends { readonly found: number }>(
  rows: readonly Row[],
  first: number,
): { readonly shown: readonly Row[]; readonly has_more: boolean } {
  const shown = rows.slice(0, first)
  return { shown, has_more: (rows[0]?.found ?? 0) > shown.length }
}
