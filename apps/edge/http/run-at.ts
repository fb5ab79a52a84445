/**
 * When an invocation is to run: `?delay=<seconds>` from now, or `?run_at=<RFC 3339>`.
 * A time that is over means at once.
 */
import { excerpt, Problem } from '#domain/problem.ts'

const DELAY = /^\d{1,9}(?:\.\d{1,9})?$/
/** A `+` that was not escaped arrives as a space. */
const TIME =
  /^(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(\.\d{1,9})?(?:[Zz]|([-+ ])((?:[01]\d|2[0-3]):[0-5]\d))$/
const MILLISECONDS = 1_000
const DAY_S = 86_400

export interface Asked {
  readonly query: (name: string) => string | undefined
}

/** ISO 8601 in UTC; undefined: it was not asked for. */
export function parseRunAt({ query }: Asked, nowMs: number, maxMs: number): string | undefined {
  const delay = query('delay')
  const runAt = query('run_at')
  if (delay !== undefined && runAt !== undefined) {
    throw new Problem('INVALID_REQUEST', 'Give delay or run_at, not both.', { field: 'run_at' })
  }
  if (delay !== undefined) return new Date(nowMs + delayMs(delay, maxMs)).toISOString()
  if (runAt === undefined) return undefined
  const atMs = timeMs(runAt)
  if (atMs - nowMs <= maxMs) return new Date(atMs).toISOString()
  throw refused('run_at', runAt, `at most ${limit(maxMs)} away`)
}

function delayMs(text: string, maxMs: number): number {
  const ms = DELAY.test(text) ? Number(text) * MILLISECONDS : NaN
  if (ms > 0 && ms <= maxMs) return ms
  throw refused('delay', text, `seconds above 0, at most ${limit(maxMs)}`)
}

function timeMs(text: string): number {
  const [matched, day = '', clock = '', fraction = '', sign, offset] = TIME.exec(text) ?? []
  const zone = sign === undefined ? 'Z' : `${sign === '-' ? '-' : '+'}${offset}`
  const ms = matched === undefined ? NaN : Date.parse(`${day}T${clock}${fraction}${zone}`)
  // A day that its month does not have would count as one of the next.
  const isDay = !Number.isNaN(ms) && isoDay(Date.parse(`${day}T00:00:00Z`)) === day
  if (isDay) return ms
  throw refused(
    'run_at',
    text,
    'a time with its zone (RFC 3339), as YYYY-MM-DDThh:mm:ssZ or with +hh:mm',
  )
}

const isoDay = (ms: number) => (Number.isNaN(ms) ? '' : new Date(ms).toISOString().slice(0, 10))

/** `2505600 seconds (29 days)` */
function limit(ms: number): string {
  const seconds = ms / MILLISECONDS
  return `${seconds} seconds (${seconds / DAY_S} days)`
}

function refused(field: string, given: string, what: string): Problem {
  const details = { field, given: excerpt(given) }
  return new Problem('INVALID_REQUEST', `${field} must be ${what}.`, details)
}
