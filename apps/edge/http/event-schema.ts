/**
 * The schemas that users give their functions, compiled and applied (ajv).
 *
 * Invariants:
 * 1. A user's schema cannot hurt the edge: its size is bounded, its patterns run on a linear-time
 *    engine, it fetches nothing and answers at once. Whatever can grow faster than the body
 *    (references, patterns, comparisons of all with all) runs under a deadline, and so does a plain
 *    schema on a large body: each branch of it may be tried, and told as an error, on each value.
 * 2. Names that every JavaScript object has (`constructor`) are properties only where given.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv/dist/ajv.js'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { RE2JS } from 're2js'
import { Problem } from '#domain/problem.ts'
import { bounded } from './bounded.ts'
import { fieldProblem } from './validate.ts'

const SCHEMA_CHARS_MAX = 64 * 1024
/**
 * Characters of a plain schema times those of a body, up to which it is applied without a deadline:
 * a millisecond or two at worst.
 */
const PLAIN_WORK_MAX = 256 * 1024
const COMPILE_WITHIN_MS = 1_000
const APPLY_WITHIN_MS = 100
const COSTLY = /"(?:\$ref|\$dynamicRef|\$recursiveRef|pattern|patternProperties|uniqueItems)":/

const DRAFTS = {
  'http://json-schema.org/draft-07/schema': Ajv,
  'https://json-schema.org/draft/2019-09/schema': Ajv2019,
  'https://json-schema.org/draft/2020-12/schema': Ajv2020,
} as const
type Draft = keyof typeof DRAFTS
const DEFAULT_DRAFT: Draft = 'https://json-schema.org/draft/2020-12/schema'

/** `chars`: of the event's own JSON text. */
export type ValidateEvent = (event: unknown, chars: number) => void

/** ajv tells patterns apart by their text. */
const linear = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(pattern)
    return {
      test: (text: string) => compiled.matcher(text).find(),
      toString: () => pattern,
    }
  },
  { code: 'linear' },
)

/** Throws a `Problem` on `field` unless the schema can be used. */
export function requireUsable(schema: unknown, field: string): void {
  const { length } = JSON.stringify(schema)
  if (length > SCHEMA_CHARS_MAX) {
    throw unusable(field, `it is larger than ${SCHEMA_CHARS_MAX} characters`)
  }
  try {
    bounded(() => {
      requireValid(schema, field)
      compile(schema, field)
    }, COMPILE_WITHIN_MS)
  } catch (error) {
    if (error instanceof Problem) throw error
    throw unusable(field, error instanceof Error ? error.message : 'it does not compile')
  }
}

/**
 * Of a schema that has passed `requireUsable`. Compiled when it is first needed: a start must not
 * wait for the schemas of all functions.
 */
export function eventValidator(schema: unknown, field: string): ValidateEvent {
  const text = JSON.stringify(schema)
  const plainCharsMax = COSTLY.test(text) ? 0 : PLAIN_WORK_MAX / text.length
  let validate: ValidateFunction | undefined

  const apply = (event: unknown, chars: number): readonly ErrorObject[] | undefined => {
    const known = (validate ??= bounded(() => compile(schema, field), COMPILE_WITHIN_MS))
    const valid: unknown =
      chars <= plainCharsMax ? known(event) : bounded(() => known(event), APPLY_WITHIN_MS)
    return valid === true ? undefined : (known.errors ?? [])
  }
  return (event, chars) => {
    let errors: readonly ErrorObject[] | undefined
    try {
      errors = apply(event, chars)
    } catch (error) {
      const why = error instanceof Error ? error.message : 'it fails'
      const message = `${field} could not be applied to the body: ${why}.`
      throw new Problem('INVALID_PARAMS', message, { field: null }, { cause: error })
    } finally {
      // ajv keeps what it found: as many objects as the body has values, until the next event.
      if (validate !== undefined) validate.errors = null
    }
    if (errors !== undefined) throw fieldProblem('INVALID_PARAMS', errors)
  }
}

const metas = new Map<Draft, Ajv>()

/** Against the schema of schemas, which is compiled once. */
function requireValid(schema: unknown, field: string): void {
  const draft = draftOf(schema, field)
  let meta = metas.get(draft)
  if (meta === undefined) {
    meta = new DRAFTS[draft]({ strict: false, logger: false, validateFormats: false })
    metas.set(draft, meta)
  }
  if (meta.validateSchema(schema as object) === true) return
  throw unusable(field, meta.errorsText(meta.errors, { dataVar: field }))
}

function compile(schema: unknown, field: string): ValidateFunction {
  const draft = draftOf(schema, field)
  const ajv = new DRAFTS[draft]({
    strict: false,
    logger: false,
    validateSchema: false,
    validateFormats: false,
    ownProperties: true,
    code: { regExp: linear },
  })
  const validate = ajv.compile(schema as object)
  if ('$async' in validate) throw unusable(field, '$async is not supported')
  return validate
}

function draftOf(schema: unknown, field: string): Draft {
  if (typeof schema !== 'object' || schema === null || !('$schema' in schema)) return DEFAULT_DRAFT
  const named = typeof schema.$schema === 'string' ? schema.$schema.replace(/#$/, '') : ''
  const draft = (Object.keys(DRAFTS) as Draft[]).find((known) => known === named)
  if (draft !== undefined) return draft
  throw unusable(field, `$schema must be one of ${Object.keys(DRAFTS).join(', ')}`)
}

function unusable(field: string, why: string): Problem {
  return new Problem('INVALID_REQUEST', `${field} is not a usable JSON Schema: ${why}.`, { field })
}
