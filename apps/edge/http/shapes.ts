/**
 * Shapes that the answers of many surfaces have in common. A schema with a title in
 * PascalCase is a component of the API's document.
 */
import Type, { type TSchema } from 'typebox'
import type { Parameter, Told } from '../documents/operation.ts'

/** ISO 8601 in UTC, to the millisecond. */
export const Time = (description?: string) =>
  Type.String({ format: 'date-time', ...told(description) })

/** Numbers that are given by the house. */
export const Id = (description?: string) =>
  Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, ...told(description) })

export const Count = (description?: string) => Type.Integer({ minimum: 0, ...told(description) })

/** `description` says what null means. */
export const Nullable = <Shape extends TSchema>(shape: Shape, description?: string) =>
  Type.Union([shape, Type.Null()], told(description))

export const List = <Shape extends TSchema>(shape: Shape, description?: string) =>
  Type.Array(shape, told(description))

/** On whatever is read from the read models. */
export const STALE: Readonly<Record<string, Parameter>> = {
  'Sluice-Stale': {
    schema: Type.Literal('true'),
    description: 'What was written in the last moments may be missing from this answer.',
  },
}

/** An answer with an example of it. */
export const answer = (
  description: string,
  schema: TSchema,
  example: unknown,
  headers: Told['headers'] = {},
): Told => ({ description, content: { schema, examples: { example } }, headers })

const told = (description: string | undefined) => (description === undefined ? {} : { description })
