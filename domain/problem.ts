/**
 * What can be wrong with a request, said once for all surfaces: a stable code, a sentence for
 * people, and details for programs. HTTP statuses and formats live in the surfaces' own tables.
 */
export type ProblemCode =
  | 'INVALID_REQUEST'
  | 'INVALID_JSON'
  | 'INVALID_PARAMS'
  | 'CODE_INVALID'
  /** Of the right type, and yet no value that can be. */
  | 'VALIDATION_FAILED'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'PAYLOAD_TOO_LARGE'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  /** It is to be asked over a WebSocket. */
  | 'UPGRADE_REQUIRED'
  | 'NAME_TAKEN'
  /** It does not go with the state that things are in. */
  | 'CONFLICT'
  /** The Idempotency-Key came with another request before. */
  | 'KEY_REUSED'
  | 'RATE_LIMITED'
  /** Too much waits for the function already. */
  | 'QUEUE_FULL'
  /** A session could not be made, for no fault of whoever asked. */
  | 'INITIALIZATION_ERROR'
  | 'RUNTIME_ERROR'
  | 'OVERLOADED'
  | 'UNAVAILABLE'
  | 'TIMEOUT'
  | 'INTERNAL'

/** Codes after which the same request may well succeed a little later. */
const RETRYABLE: ReadonlySet<ProblemCode> = new Set([
  'INITIALIZATION_ERROR',
  'RATE_LIMITED',
  'QUEUE_FULL',
  'OVERLOADED',
  'UNAVAILABLE',
  'TIMEOUT',
])

export interface ProblemData {
  readonly code: ProblemCode
  readonly message: string
  readonly details?: unknown
}

export interface ProblemOptions extends ErrorOptions {
  readonly retryAfterS?: number | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export class Problem extends Error {
  readonly code: ProblemCode
  readonly details: unknown
  /** When the same request may succeed, if that is known, in seconds. */
  readonly retryAfterS: number | undefined
  /** What the answer must carry beside it, whatever the surface. */
  readonly headers: Readonly<Record<string, string>>
  constructor(code: ProblemCode, message: string, details?: unknown, options: ProblemOptions = {}) {
    super(message, options)
    this.name = 'Problem'
    this.code = code
    this.details = details
    this.retryAfterS = options.retryAfterS
    this.headers = options.headers ?? {}
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

/** As much of a caller's text as an error says again: the cut may go through a character. */
export const excerpt = (text: string) => text.slice(0, 64).toWellFormed()
