/**
 * What can be wrong with a request, said once for all surfaces: a stable code, a sentence for
 * people, and details for programs. HTTP statuses and formats live in the surfaces' own tables.
 */
export type ProblemCode =
  | 'INVALID_REQUEST'
  | 'INVALID_JSON'
  | 'INVALID_PARAMS'
  | 'CODE_INVALID'
  | 'FORBIDDEN'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'PAYLOAD_TOO_LARGE'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'NAME_TAKEN'
  | 'OVERLOADED'
  | 'UNAVAILABLE'
  | 'TIMEOUT'
  | 'INTERNAL'

/** Codes after which the same request may well succeed a little later. */
const RETRYABLE: ReadonlySet<ProblemCode> = new Set(['OVERLOADED', 'UNAVAILABLE', 'TIMEOUT'])

export interface ProblemData {
  readonly code: ProblemCode
  readonly message: string
  readonly details?: unknown
}

export class Problem extends Error {
  readonly code: ProblemCode
  readonly details: unknown
  constructor(code: ProblemCode, message: string, details?: unknown, options?: ErrorOptions) {
    super(message, options)
    this.name = 'Problem'
    this.code = code
    this.details = details
  }

  get retryable(): boolean {
    return RETRYABLE.has(this.code)
  }

  /** As it travels between processes. */
  get data(): ProblemData {
    const { code, message, details } = this
    return { code, message, ...(details !== undefined && { details }) }
  }

  static of({ code, message, details }: ProblemData): Problem {
    return new Problem(code, message, details)
  }
}
