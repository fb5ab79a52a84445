/**
 * What the chunk API takes, and how it says that something is not as it must be: 400 for what is
 * missing or of the wrong type, 422 for what is well typed and yet cannot be.
 * Source: "数据模型" and "错误处理" of its document.
 */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import Type, { type Static, type TSchema } from 'typebox'
import { PART_MIN } from '#domain/chunks/split-plan.ts'
import { excerpt, Problem } from '#domain/problem.ts'
import { SettledStatus } from '#events/analyses.ts'
import { ANALYSIS_OPTIONS, AnalysisOptions, Scope } from '#events/chunks.ts'

/** What is found of a chunk can be far larger than the chunk; all of it is one event. */
export const CHUNKS_MAX = 10_000
const TOKENS_MAX = 1_000_000

/** An id of the caller's: anything that can be written down. */
const CallersId = Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\p{Cc}\\p{Cs}]*$' })

export const ChunkInput = Type.Object(
  {
    chunk_id: CallersId,
    content: Type.String(),
    metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { title: 'Chunk' },
)
export type ChunkInput = Static<typeof ChunkInput>

const SHARE = { minimum: 0, maximum: 1 }
const Share = Type.Optional(Type.Number(SHARE))
const Weight = Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000 }))
const TokenCount = (minimum: number) =>
  Type.Optional(Type.Integer({ minimum, maximum: TOKENS_MAX }))
const SHINGLE = { minimum: 1, maximum: 5 }

/** What callers keep beside them is theirs; an option that did nothing would look as if it were in force. */
const CLOSED = { additionalProperties: false }
export const OPEN = { description: 'Fields of other names are ignored, except in `options`.' }

/** What it is for, and what holds without it. */
const about = (name: keyof AnalysisOptions) => {
  const { description } = AnalysisOptions.properties[name] as { readonly description?: string }
  return { ...(description !== undefined && { description }), default: ANALYSIS_OPTIONS[name] }
}
const flag = (name: keyof AnalysisOptions) => Type.Optional(Type.Boolean(about(name)))

export const OptionsInput = Type.Object(
  {
    check_quality: flag('check_quality'),
    check_redundancy: flag('check_redundancy'),
    check_size: flag('check_size'),
    check_similarity: flag('check_similarity'),
    similarity_threshold: Type.Optional(
      Type.Number({ ...SHARE, ...about('similarity_threshold') }),
    ),
    max_embedding_tokens: Type.Optional(
      Type.Integer({ minimum: 1, maximum: TOKENS_MAX, ...about('max_embedding_tokens') }),
    ),
    weights: Type.Optional(
      Type.Object(
        { quality: Weight, redundancy: Weight, size: Weight, similarity: Weight },
        { ...CLOSED, ...about('weights') },
      ),
    ),
    thresholds: Type.Optional(
      Type.Object(
        { quality: Share, redundancy: Share, size: Share },
        { ...CLOSED, ...about('thresholds') },
      ),
    ),
    target_tokens: Type.Optional(
      Type.Object(
        {
          ...{ min: TokenCount(0), low: TokenCount(1) },
          ...{ high: TokenCount(PART_MIN), max: TokenCount(PART_MIN + 1) },
        },
        { ...CLOSED, ...about('target_tokens') },
      ),
    ),
    shingle_size: Type.Optional(Type.Integer({ ...SHINGLE, ...about('shingle_size') })),
    ignore_adjacent_overlap: flag('ignore_adjacent_overlap'),
    scope: Type.Optional(Type.Enum(Scope.enum, about('scope'))),
  },
  { ...CLOSED, title: 'AnalysisOptions' },
)

/** A chunk by itself: in a document and a batch the options are theirs. */
export const LoneChunkInput = Type.Object(
  { ...ChunkInput.properties, options: Type.Optional(OptionsInput) },
  { title: 'LoneChunk', ...OPEN },
)
export type LoneChunkInput = Static<typeof LoneChunkInput>

export const DocumentInput = Type.Object(
  {
    document_id: CallersId,
    chunks: Type.Array(ChunkInput, { maxItems: CHUNKS_MAX }),
    options: Type.Optional(OptionsInput),
  },
  { title: 'DocumentInput', ...OPEN },
)
export type DocumentInput = Static<typeof DocumentInput>

/** Each item is looked at by itself: a bad one fails alone. */
export const BatchInput = Type.Object({
  batch_id: CallersId,
  items: Type.Array(Type.Unknown(), { maxItems: CHUNKS_MAX }),
  options: Type.Optional(OptionsInput),
})
export type BatchInput = Static<typeof BatchInput>

/** Its texts are looked at by hand: the document names both where one is missing. */
export const SimilarityInput = Type.Object({ shingle_size: Type.Optional(Type.Integer(SHINGLE)) })
export type SimilarityInput = Static<typeof SimilarityInput>

export const SettleInput = Type.Object({ status: SettledStatus }, { title: 'Settlement' })
export type SettleInput = Static<typeof SettleInput>

/** Verbose: an error has the schema that it is about. */
const ajv = new Ajv2020({ allErrors: false, strict: false, unicodeRegExp: true, verbose: true })

export type Validate<T> = (value: unknown) => T

/** `T` is the schema's own static type; `whole` is what a refusal calls all of the value. */
export function chunkValidator<T>(schema: TSchema, whole = 'body'): Validate<T> {
  const validate = ajv.compile<T>(schema)
  return (value) => {
    if (validate(value)) return value
    const [error] = validate.errors ?? []
    throw error === undefined ? refused(whole, 'type', 'is not valid') : problemOf(error, whole)
  }
}

/** 400: it is not there, or of another type. */
export function refused(field: string, constraint: string, sentence: string): Problem {
  return new Problem('INVALID_REQUEST', `${field} ${sentence}`, { field, constraint })
}

/** 422: it is of the right type, and yet no value that can be. */
export function impossible(field: string, constraint: string, sentence: string): Problem {
  return new Problem('VALIDATION_FAILED', `${field} ${sentence}`, { field, constraint })
}

function problemOf(error: ErrorObject, whole: string): Problem {
  const { instancePath, keyword, params, message = '' } = error
  const path = instancePath.slice(1).replaceAll('/', '.')
  const given = params as Record<string, unknown>
  if (keyword === 'required') {
    const missing = String(given['missingProperty'])
    return refused(path === '' ? missing : `${path}.${missing}`, 'required', 'is required')
  }
  const field = path === '' ? whole : path
  if (keyword === 'type') return refused(field, 'type', `must be ${article(given['type'])}`)
  const constraint = keyword.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  switch (keyword) {
    case 'enum':
      return impossible(
        field,
        constraint,
        `must be one of ${(given['allowedValues'] as unknown[]).join(', ')}`,
      )
    case 'minLength':
      return impossible(field, constraint, 'must not be empty')
    case 'maxLength':
      return impossible(field, constraint, `must not be longer than ${String(given['limit'])}`)
    case 'pattern':
      return impossible(field, constraint, 'must not contain control characters')
    case 'additionalProperties': {
      const name = excerpt(String(given['additionalProperty']))
      return unknown(path === '' ? name : `${path}.${name}`, propertiesOf(error))
    }
    case 'maxItems':
      return impossible(
        field,
        constraint,
        `must not have more than ${String(given['limit'])} items`,
      )
    default:
      return impossible(field, constraint, message)
  }
}

function unknown(field: string, known: readonly string[]): Problem {
  const message = `${field} is not known; there are ${known.join(', ')}`
  return new Problem('VALIDATION_FAILED', message, { field, constraint: 'known', known })
}

const propertiesOf = ({ parentSchema }: ErrorObject) =>
  Object.keys((parentSchema as { properties?: object } | undefined)?.properties ?? {})

const article = (type: unknown) =>
  /^[aeio]/.test(String(type)) ? `an ${String(type)}` : `a ${String(type)}`
