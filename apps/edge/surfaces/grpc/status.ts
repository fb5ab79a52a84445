/**
 * How gRPC says no: the one table from our codes to its statuses, and the details beside them.
 *
 * `grpc-status-details-bin` is a google.rpc.Status, which the libraries of most languages read: an
 * ErrorInfo with our own code, a BadRequest that names the field, a RetryInfo where there is a time.
 */
import { Metadata, status as Code, type StatusObject } from '@grpc/grpc-js'
import type { Problem, ProblemCode } from '#domain/problem.ts'
import { encodeDetail } from './proto.ts'

const DOMAIN = 'sluice'
const DETAILS = 'grpc-status-details-bin'

const STATUS: Readonly<Record<ProblemCode, Code>> = {
  INVALID_REQUEST: Code.INVALID_ARGUMENT,
  INVALID_JSON: Code.INVALID_ARGUMENT,
  INVALID_PARAMS: Code.INVALID_ARGUMENT,
  CODE_INVALID: Code.INVALID_ARGUMENT,
  VALIDATION_FAILED: Code.INVALID_ARGUMENT,
  UNSUPPORTED_MEDIA_TYPE: Code.INVALID_ARGUMENT,
  UNAUTHORIZED: Code.UNAUTHENTICATED,
  FORBIDDEN: Code.PERMISSION_DENIED,
  PAYLOAD_TOO_LARGE: Code.RESOURCE_EXHAUSTED,
  NOT_FOUND: Code.NOT_FOUND,
  METHOD_NOT_ALLOWED: Code.UNIMPLEMENTED,
  UPGRADE_REQUIRED: Code.UNIMPLEMENTED,
  NAME_TAKEN: Code.ALREADY_EXISTS,
  CONFLICT: Code.FAILED_PRECONDITION,
  KEY_REUSED: Code.FAILED_PRECONDITION,
  RATE_LIMITED: Code.RESOURCE_EXHAUSTED,
  QUEUE_FULL: Code.RESOURCE_EXHAUSTED,
  INITIALIZATION_ERROR: Code.UNAVAILABLE,
  RUNTIME_ERROR: Code.FAILED_PRECONDITION,
  OVERLOADED: Code.UNAVAILABLE,
  UNAVAILABLE: Code.UNAVAILABLE,
  TIMEOUT: Code.DEADLINE_EXCEEDED,
  INTERNAL: Code.INTERNAL,
}

export const codeOf = ({ code }: Problem): Code => STATUS[code]

/** Its trailers carry the details; `retry-after` also as the header that HTTP has. */
export function statusOf(problem: Problem): StatusObject {
  const { code, message, details: told, retryAfterS, headers } = problem
  const metadata = new Metadata()
  const details = (told ?? {}) as Readonly<Record<string, unknown>>
  const { field, constraint } = details
  const info = Object.entries(details).map(([key, value]) => [key, shown(value)] as const)
  const detail = [
    any('ErrorInfo', { reason: code, domain: DOMAIN, metadata: Object.fromEntries(info) }),
  ]
  if (typeof field === 'string') {
    const violation = { field, description: message, reason: constraint }
    detail.push(any('BadRequest', { field_violations: [violation] }))
  }
  if (retryAfterS !== undefined) {
    metadata.set('retry-after', String(retryAfterS))
    detail.push(any('RetryInfo', { retry_delay: { seconds: retryAfterS } }))
  }
  const challenge = headers['www-authenticate']
  if (challenge !== undefined) metadata.set('www-authenticate', challenge)
  const said = { code: STATUS[code], message, details: detail }
  metadata.set(DETAILS, encodeDetail('google.rpc.Status', said))
  return { code: STATUS[code], details: message.toWellFormed(), metadata }
}

const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

function any(type: string, value: object) {
  const name = `google.rpc.${type}`
  return { type_url: `type.googleapis.com/${name}`, value: encodeDetail(name, value) }
}
