/**
 * A statement put together from parts: each read model supplies its own, and all of them run as
 * one, so that a batch costs one round trip and one commit.
 *
 * Each part is a `with` query that takes its values as arrays, one per column, and reads them by
 * `unnest`. A part writes only if the checkpoint moved (`from moved`): that is the fence.
 */

/** `name` is the part's name in the statement; `$` numbers a column's parameter. */
export interface Part {
  readonly name: string
  readonly sql: (parameter: Parameter) => string
  readonly values: readonly unknown[]
}

/** The position in the statement of the part's own parameter, counted from 1. */
export type Parameter = (own: number) => string

export interface Statement {
  /** Names the prepared statement; the same parts are the same statement. Empty: it is planned anew. */
  readonly name: string
  readonly text: string
  readonly values: unknown[]
}

/**
 * A plan that is kept for any values takes each array for a few rows, and loops where it should hash:
 * 23 s instead of 2 for a document of 10,000 chunks that has changed.
 */
const LARGE_CHARACTERS = 256 * 1024

/** `result` is the final query; it may read from any part. */
export function statementOf(parts: readonly Part[], result: string): Statement {
  const values: unknown[] = []
  const queries = parts.map((part) => {
    const offset = values.length
    values.push(...part.values)
    return `${part.name} as (${part.sql((own) => `$${offset + own}`)})`
  })
  const name = sizeOf(values) > LARGE_CHARACTERS ? '' : nameOf(parts)
  return { name, text: `with ${queries.join(',\n')}\n${result}`, values }
}

const sizeOf = (values: readonly unknown[]) =>
  values.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 0), 0)

interface Shape {
  readonly number: number
  uses: number
}

/** Postgres cuts off what is longer than 63 bytes, so names that begin alike would be one. */
const shapes = new Map<string, Shape>()

/**
 * A plan is kept as long as nobody analyses its tables, and one that was made for empty ones reads
 * them whole when they are large. So whoever is used twice as often as before is planned anew, until
 * autovacuum has had its time.
 */
const DOUBLINGS_MAX = 12

function nameOf(parts: readonly Part[]): string {
  const made = parts.map((part) => part.name).join('+')
  const shape = shapes.get(made) ?? { number: shapes.size + 1, uses: 0 }
  shapes.set(made, shape)
  const doublings = Math.min(DOUBLINGS_MAX, Math.floor(Math.log2(++shape.uses)))
  return `parts-${shape.number}-${doublings}`
}

/** A column as Postgres writes an array: several times faster than what the driver makes of one. */
export function column(values: readonly (string | number | boolean | null | undefined)[]): string {
  return `{${values.map(element).join(',')}}`
}

/** The same of text that has neither quotes nor backslashes in it, such as base64. */
export const plainColumn = (values: readonly string[]) =>
  values.length === 0 ? '{}' : `{"${values.join('","')}"}`

const SPECIAL = /["\\]/g

function element(value: string | number | boolean | null | undefined): string {
  if (typeof value === 'string') return `"${value.replace(SPECIAL, '\\$&')}"`
  return value === null || value === undefined ? 'NULL' : String(value)
}
