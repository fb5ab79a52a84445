/**
 * What a reader asks for, in a query or in a message: which events, and from where.
 *
 * Invariant: what is mistyped is refused. A filter that nobody understood must not mean all events,
 * and none that can never match must look like silence.
 */
import { excerpt, Problem } from '#domain/problem.ts'
import { SHOWN_TYPES, type ShownType } from '#events/shown.ts'
import type { Filter } from '../../feed/filter.ts'

const FILTERS = ['type', 'key', 'function_id', 'job_id'] as const
export const FILTER_NAMES: readonly string[] = FILTERS
const VALUES_MAX = 100
const KEY = /^[-\w]{1,128}$/
const SEQ_MAX = Number.MAX_SAFE_INTEGER

/** What was given for a name; none: it was not asked for. */
export type Given = (name: string) => readonly string[]

export function filterOf(given: Given): Filter {
  const [types, keys, functionIds, jobIds] = FILTERS.map((name) => valuesOf(given, name))
  if (keys !== undefined && functionIds !== undefined) {
    throw new Problem('INVALID_REQUEST', 'Give key or function_id, not both.', {
      field: 'function_id',
    })
  }
  const ids = functionIds?.map((text) => String(wholeNumber('function_id', text, 1)))
  return {
    types: types && new Set(types.flatMap(typesOf)),
    keys: (keys?.map(keyOf) ?? ids) && new Set(keys ?? ids),
    jobIds: jobIds && new Set(jobIds.map((text) => wholeNumber('job_id', text, 1))),
  }
}

/** A position on the log, or the number of something. */
export function wholeNumber(field: string, text: string, min: number, max = SEQ_MAX): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  const range = max === SEQ_MAX ? `a whole number from ${min}` : `from ${min} to ${max}`
  throw new Problem('INVALID_REQUEST', `${field} must be ${range}.`, {
    field,
    given: excerpt(text),
  })
}

/** Of several values with commas between them, each; undefined: nothing was asked for. */
function valuesOf(given: Given, name: string): readonly string[] | undefined {
  const values = given(name).flatMap((text) => text.split(',').map((value) => value.trim()))
  if (values.length === 0) return undefined
  if (values.length <= VALUES_MAX) return values
  throw new Problem('INVALID_REQUEST', `${name} must have at most ${VALUES_MAX} values.`, {
    field: name,
  })
}

/** `job.succeeded`, `job.*` or `*`. */
function typesOf(pattern: string): readonly ShownType[] {
  const [, aggregate] = /^([a-z]+)\.\*$/.exec(pattern) ?? []
  const found = SHOWN_TYPES.filter(
    (type) =>
      pattern === '*' ||
      type === pattern ||
      (aggregate !== undefined && type.startsWith(`${aggregate}.`)),
  )
  if (found.length > 0) return found
  const given = excerpt(pattern)
  throw new Problem('INVALID_REQUEST', `No event has the type ${JSON.stringify(given)}.`, {
    field: 'type',
    given,
    known: SHOWN_TYPES,
  })
}

function keyOf(text: string): string {
  if (KEY.test(text)) return text
  throw new Problem('INVALID_REQUEST', 'key must be an id, such as that of a function.', {
    field: 'key',
    given: excerpt(text),
  })
}
