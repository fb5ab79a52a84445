/** What the token endpoint promises. Source: "JWT 认证" of the document 003. */
import Type from 'typebox'
import type { RouteName } from '../../access/routes.ts'
import { limitHeaders } from '../../documents/manners.ts'
import type { Operation } from '../../documents/operation.ts'
import { authDialect } from './dialect.ts'
import { TokenAnswer, TokenInput } from './token.ts'

export const authOperations = {
  'POST /api/v1/auth/token': {
    tag: 'auth',
    summary: 'Sign in',
    description: 'A token for a username and a password. Failures count, successes do not.',
    body: {
      schema: TokenInput,
      examples: { user: { username: 'user@example.com', password: 'password' } },
    },
    answers: {
      200: {
        description: 'The token, for `Authorization: Bearer`.',
        content: {
          schema: TokenAnswer,
          examples: {
            token: {
              access_token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...',
              token_type: 'Bearer',
              expires_in: 3600,
            },
          },
        },
      },
      401: {
        description: 'The username or the password is wrong.',
        content: authDialect.refusal,
        headers: { ...limitHeaders, 'WWW-Authenticate': { schema: Type.Literal('Bearer') } },
      },
      429: {
        description: 'Too many failed attempts; Retry-After says when to come back.',
        content: authDialect.refusal,
        headers: limitHeaders,
      },
    },
  },
} satisfies Partial<Record<RouteName, Operation>>
