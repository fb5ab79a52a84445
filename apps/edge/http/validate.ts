/**
 * Validation of our own request bodies against JSON Schema (ajv), and how a violation is told. What
 * users bring as schemas is in `event-schema.ts`.
 *
 * Invariant: a problem names the first offending field, as a path in the body and as an RFC 6901
 * pointer.
 */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import type { TSchema } from 'typebox'
import { Problem, type ProblemCode } from '#domain/problem.ts'

const own = new Ajv2020({ allErrors: false, strict: false, unicodeRegExp: true })

export type Validate<T> = (value: unknown) => T

/** `T` is the schema's own static type. */
export function validator<T>(schema: TSchema): Validate<T> {
  const validate = own.compile<T>(schema)
  return (value) => {
    if (validate(value)) return value
    throw fieldProblem('INVALID_REQUEST', validate.errors)
  }
}

export function fieldProblem(
  code: ProblemCode,
  errors: readonly ErrorObject[] | null | undefined,
): Problem {
  const [error] = errors ?? []
  if (error === undefined) return new Problem(code, 'The body is not valid.')
  const pointer = pointerOf(error)
  const field = pointer.slice(1).replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~')
  const message = `${field === '' ? 'The body' : field} ${sentence(error)}.`
  return new Problem(code, message, { field: field === '' ? null : field, pointer })
}

/** Of the field itself, also where ajv points at the object around it. */
function pointerOf({ instancePath, keyword, params }: ErrorObject): string {
  const { missingProperty, additionalProperty, propertyName } = params as Record<string, unknown>
  const child =
    keyword === 'required'
      ? missingProperty
      : keyword === 'additionalProperties'
        ? additionalProperty
        : propertyName
  if (typeof child !== 'string') return instancePath
  return `${instancePath}/${child.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function sentence({ keyword, params, message = 'is not valid' }: ErrorObject): string {
  switch (keyword) {
    case 'required':
      return 'is required'
    case 'additionalProperties':
      return 'is not a known field'
    case 'enum':
      return `must be one of ${(params as { allowedValues: unknown[] }).allowedValues.join(', ')}`
    default:
      return message
  }
}
