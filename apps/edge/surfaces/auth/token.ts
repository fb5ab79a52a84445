/**
 * The token endpoint: a username and a password for a token.
 * Source: "JWT 认证" of the chunk API's document.
 */
import Type, { type Static } from 'typebox'
import { Problem } from '#domain/problem.ts'
import { PASSWORD_BYTES_MAX } from '#runtime/passwords.ts'
import type { Tokens } from '../../access/credentials.ts'
import { isScope } from '../../access/principal.ts'
import type { SignIn } from '../../access/sign-in.ts'
import type { Agreement } from '../../knowledge/agreement.ts'
import { readJson } from '../../http/body.ts'
import type { Exchange, Router } from '../../http/exchange.ts'

const USERNAME_BYTES_MAX = 256

/** Told, not compiled: bounds are in bytes, and a violation is told in the words of the document. */
export const TokenInput = Type.Object(
  {
    username: Type.String({ minLength: 1, maxLength: USERNAME_BYTES_MAX }),
    password: Type.String({ minLength: 1, maxLength: PASSWORD_BYTES_MAX, format: 'password' }),
  },
  { title: 'TokenInput' },
)
export const TokenAnswer = Type.Object(
  {
    access_token: Type.String(),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ minimum: 0, description: 'Seconds.' }),
  },
  { title: 'Token' },
)

export interface TokenRouteOptions {
  readonly agreement: Agreement
  readonly signIn: SignIn
  readonly tokens: Tokens
  readonly addressOf: (incoming: Exchange['incoming']) => string
}

export function tokenRoute(router: Router, options: TokenRouteOptions): void {
  const { agreement, signIn, tokens, addressOf } = options

  router.on('POST /api/v1/auth/token', async (exchange) => {
    const { incoming } = exchange
    const body = await readJson(exchange)
    const username = textIn(body, 'username', USERNAME_BYTES_MAX)
    const password = textIn(body, 'password', PASSWORD_BYTES_MAX)
    agreement.requirePresence()
    const user = await signIn({ username, password, address: addressOf(incoming) })
    const { owner, created_at: since } = user
    const scopes = user.scopes.filter(isScope)
    const signed = await tokens.sign({ subject: username, owner, scopes, since })
    const { access_token, expires_in } = signed
    const told: Static<typeof TokenAnswer> = { access_token, token_type: 'Bearer', expires_in }
    return { status: 200, body: JSON.stringify(told) }
  })
}

function textIn(body: unknown, field: string, maxBytes: number): string {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body)
  if (!isObject) throw invalid('body', 'type', 'must be an object')
  const value = Object.hasOwn(body, field) ? (body as Record<string, unknown>)[field] : undefined
  if (value === undefined) throw invalid(field, 'required', 'is required')
  if (typeof value !== 'string') throw invalid(field, 'type', 'must be a string')
  if (value === '') throw invalid(field, 'min_length', 'must not be empty')
  if (Buffer.byteLength(value) > maxBytes) {
    throw invalid(field, 'max_length', `must not be longer than ${maxBytes} bytes`)
  }
  return value
}

function invalid(field: string, constraint: string, sentence: string): Problem {
  return new Problem('INVALID_REQUEST', `${field} ${sentence}`, { field, constraint })
}
