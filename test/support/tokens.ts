/** Tokens of a platform in a test, for whomever the test wants to be. */
import type { Scope } from '../../apps/edge/access/principal.ts'
import { createTokens } from '../../apps/edge/access/tokens.ts'
import type { TestPlatform } from './platform.ts'

export interface Somebody {
  readonly subject: string
  /** The subject unless told otherwise. */
  readonly owner?: string
  readonly scopes: readonly Scope[]
}

export async function tokenOf(
  { credentials }: Pick<TestPlatform, 'credentials'>,
  { subject, owner = subject, scopes }: Somebody,
): Promise<string> {
  const none = { jwksUrl: undefined, jwtIssuer: undefined, jwtAudience: undefined }
  const tokens = createTokens({ jwtSecret: credentials.JWT_SECRET, ...none })
  return (await tokens.sign({ subject, owner, scopes })).access_token
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
