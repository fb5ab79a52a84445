/**
 * Messages as data: what one is called, what it says, and the schema of what it carries. The types
 * of TypeScript, the checks of the tests and the documents come from this one place.
 *
 * Invariant: a schema names what is there and leaves room for more, since a reader of today gets the
 * messages of tomorrow.
 */
import Type, { type Static, type TSchema } from 'typebox'
import type { Envelope } from './envelope.ts'

export interface Message<Name extends string = string, Data extends TSchema = TSchema> {
  readonly type: Name
  /** One sentence, for whoever has never heard of it. */
  readonly says: string
  /** Of the shape of `data`; told in each envelope. */
  readonly version: number
  readonly data: Data
}

export const message = <const Name extends string, Data extends TSchema>(
  type: Name,
  says: string,
  data: Data,
): Message<Name, Data> => ({ type, says, version: 1, data })

/** The envelope that a message travels in, as the log gives it. */
export type EnvelopeOf<Told extends Message> =
  Told extends Message<infer Name, infer Data> ? Envelope<Name, DeepReadonly<Static<Data>>> : never

/** What has happened is not changed any more, wherever it is read. */
export type DeepReadonly<Value> = Value extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
    : Value

export const nullable = <Given extends TSchema>(given: Given, description?: string) =>
  Type.Union([given, Type.Null()], description === undefined ? {} : { description })

export const count = (description?: string) =>
  Type.Integer({ minimum: 0, ...(description !== undefined && { description }) })

/** As `Date` writes it: UTC, with milliseconds. */
export const timestamp = (description: string) =>
  Type.String({ format: 'date-time', description: `${description} ISO 8601, UTC.` })

/** Of every command that somebody waits for. */
export const deadline = {
  deadline: timestamp(
    'Nobody waits any longer: whoever reads the command later must not act on it.',
  ),
}
