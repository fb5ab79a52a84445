/**
 * Validation against JSON Schema (ajv), of our own request bodies and of events against the schemas
 * that users give their functions.
 *
 * Invariants:
 * 1. A problem names the first offending field, as a path in the body and as an RFC 6901 pointer.
 * 2. A user's schema cannot hurt the edge: its patterns run on a linear-time engine, it fetches
 *    nothing, and a schema that recurses without end is a problem of the request.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { RE2JS } from 're2js'
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

export type ValidateEvent = (event: unknown) => void

const linear = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern)
    return { test: (text: string) => compiled.matcher(text).find() }
  },
  { code: 'linear' },
)

/** Throws a `Problem` on `schema.<field>` if the schema itself is of no use. */
export function eventValidator(schema: unknown, field: string): ValidateEvent {
  let validate: ValidateFunction
  try {
    const ajv = new Ajv2020({
      strict: false,
      logger: false,
      validateFormats: false,
      code: { regExp: linear },
    })
    validate = ajv.compile(schema as object)
  } catch (error) {
    const why = error instanceof Error ? error.message : 'it does not compile'
    throw new Problem('INVALID_REQUEST', `${field} is not a usable JSON Schema: ${why}`, { field })
  }
  return (event) => {
    let valid: unknown
    try {
      valid = validate(event)
    } catch (error) {
      throw new Problem('INVALID_PARAMS', `${field} could not be applied to the body.`, undefined, {
        cause: error,
      })
    }
    if (valid !== true) throw fieldProblem('INVALID_PARAMS', validate.errors)
  }
}

function fieldProblem(code: ProblemCode, errors: ErrorObject[] | null | undefined): Problem {
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
