/** What a column can hold, asked of what a message claims. Throws `BadMessage`. */

export class BadMessage extends Error {
  readonly code = 'BAD_MESSAGE'
  constructor(reason: string) {
    super(reason)
    this.name = 'BadMessage'
  }
}

export type Fields = Readonly<Record<string, unknown>>

export const INT4_MAX = 2_147_483_647
/** Sums of it in microseconds stay exact for ten thousand years of runs. */
const FIGURE_MAX = 1e12
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/

export function fields(name: string, value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new BadMessage(`${name} is not an object`)
}

export function whole(name: string, value: unknown, min: number, max: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return
  throw new BadMessage(`${name} is not a whole number from ${min} to ${max}`)
}

export function figure(name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && value <= FIGURE_MAX) return
  throw new BadMessage(`${name} is not a number from 0 to ${FIGURE_MAX}`)
}

export function text(name: string, value: unknown): void {
  if (typeof value === 'string' && !value.includes('\0') && value.isWellFormed()) return
  throw new BadMessage(`${name} is not clean text`)
}

export function texts(name: string, value: unknown): void {
  if (!Array.isArray(value)) throw new BadMessage(`${name} is not a list`)
  for (const one of value) text(name, one)
}

/** Read and written again it is the same: ten times faster than a pattern. */
export function base64(name: string, value: unknown): void {
  if (typeof value === 'string' && Buffer.from(value, 'base64').toString('base64') === value) return
  throw new BadMessage(`${name} is not base64`)
}

export function time(name: string, value: unknown): void {
  if (typeof value === 'string' && TIME.test(value) && !Number.isNaN(Date.parse(value))) return
  throw new BadMessage(`${name} is not a time in UTC`)
}
