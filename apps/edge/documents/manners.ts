/**
 * What routes do whatever they are about: the refusals that follow from their access, their body or
 * a key, and the headers of every answer.
 */
import Type from 'typebox'
import type { AuthMode } from '#runtime/config-access.ts'
import type { RouteAccess } from '../access/routes.ts'
import type { Dialect } from '../http/exchange.ts'
import type { Operation, Parameter } from './operation.ts'

/** Of a plain route: nobody is asked who they are, nothing is counted. */
export type Access = RouteAccess | 'plain'

export interface Manners {
  readonly access: Access
  readonly auth: AuthMode
  readonly dialect: Dialect
}

type Told = readonly [status: number, when: string]

export function commonRefusals({ body }: Operation, { access, auth }: Manners): readonly Told[] {
  const isPlain = access === 'plain'
  const { scopes, creates, limit }: RouteAccess = isPlain ? { scopes: [] } : access
  const refusals: Told[] = [[500, 'Something went wrong on our side.']]
  if (auth === 'open') {
    refusals.push([400, 'The Host header is missing or malformed.'])
    refusals.push([403, 'The Host does not name this server, or a page of another site asks.'])
  }
  if (!isPlain) refusals.push([503, 'Too much at once, or a server behind this one is away.'])
  if (scopes.length > 0) {
    refusals.push([401, 'The credentials are missing, wrong or over.'])
    refusals.push([403, 'The credentials lack the scope.'])
  }
  if (limit !== undefined) refusals.push([429, 'Too often; Retry-After says when to come back.'])
  if (body !== undefined) {
    refusals.push([400, 'The body is not JSON, or not as its schema wants it.'])
    refusals.push([413, 'The body is too large.'])
    refusals.push([
      415,
      'The body is not `application/json`, or it is compressed otherwise than with gzip.',
    ])
  }
  if (creates !== undefined) {
    refusals.push([400, 'The Idempotency-Key is malformed.'])
    refusals.push([409, 'A request with this Idempotency-Key is in progress.'])
    refusals.push([413, 'The body is too large.'])
    refusals.push([422, 'This Idempotency-Key came with another request before.'])
  }
  return refusals
}

/** By the name under which `components` has each. */
export const HEADERS = {
  RequestId: [
    'X-Request-Id',
    {
      schema: Type.String(),
      description: 'The id of the request: the one that it brought, or a new one.',
      required: true,
    },
  ],
  ResponseTime: ['X-Response-Time', { schema: Type.Number(), description: 'Milliseconds.' }],
  RateLimit: ['X-Rate-Limit-Limit', { schema: Type.Integer() }],
  RateLimitRemaining: ['X-Rate-Limit-Remaining', { schema: Type.Integer() }],
  RateLimitReset: [
    'X-Rate-Limit-Reset',
    { schema: Type.Integer(), description: 'Seconds since 1970: when one more may come.' },
  ],
  RateLimitField: [
    'RateLimit',
    { schema: Type.String(), description: 'The same, as the IETF has it.' },
  ],
  RateLimitPolicy: ['RateLimit-Policy', { schema: Type.String() }],
  IdempotencyReplayed: [
    'Idempotency-Replayed',
    { schema: Type.Literal('true'), description: 'The answer to the same key before.' },
  ],
  RetryAfter: ['Retry-After', { schema: Type.Integer(), description: 'Seconds.' }],
  WwwAuthenticate: ['WWW-Authenticate', { schema: Type.String() }],
  AcceptEncoding: [
    'Accept-Encoding',
    {
      schema: Type.String(),
      description: 'How a body may be packed, where that was what is wrong.',
    },
  ],
  Deprecated: [
    'X-API-Deprecated',
    { schema: Type.Literal('true'), description: 'This route is going away.' },
  ],
  Deprecation: ['Deprecation', { schema: Type.String(), description: 'Since when; RFC 9745.' }],
  Sunset: ['Sunset', { schema: Type.String(), description: 'When it goes; RFC 8594.' }],
  Successor: ['Link', { schema: Type.String(), description: 'What takes its place.' }],
} as const satisfies Readonly<Record<string, readonly [name: string, header: Parameter]>>

export type HeaderName = keyof typeof HEADERS

const LIMITS = [
  ...(['RateLimit', 'RateLimitRemaining', 'RateLimitReset'] as const),
  ...(['RateLimitField', 'RateLimitPolicy'] as const),
]

const GOING = ['Deprecated', 'Deprecation', 'Sunset', 'Successor'] as const

/** What the limits say, for a route that counts by itself. */
export const limitHeaders: Readonly<Record<string, Parameter>> = Object.fromEntries(
  LIMITS.map((name): readonly [string, Parameter] => HEADERS[name]),
)

/** Those on an answer with this status. */
export function commonHeaders(status: number, { access, dialect }: Manners): readonly HeaderName[] {
  if (access === 'plain') {
    return status === 200 || status === 503 ? ['RequestId', 'ResponseTime'] : ['RequestId']
  }
  const { limit, creates, scopes, deprecated } = access
  const isLimited = limit !== undefined && limit !== 'token'
  return [
    'RequestId',
    ...(dialect.timesAnswers === true ? (['ResponseTime'] as const) : []),
    ...(isLimited ? LIMITS : []),
    ...(deprecated === undefined ? [] : GOING),
    ...(creates === undefined ? [] : (['IdempotencyReplayed'] as const)),
    ...(comesBack(status, creates) ? (['RetryAfter'] as const) : []),
    ...(status === 415 ? (['AcceptEncoding'] as const) : []),
    ...(scopes.length > 0 && (status === 401 || status === 403)
      ? (['WwwAuthenticate'] as const)
      : []),
  ]
}

/** Whoever asks the same again may have better luck; so may whoever shares a key in progress. */
const comesBack = (status: number, creates: unknown) =>
  [429, 503, 504].includes(status) || (status === 409 && creates !== undefined)
