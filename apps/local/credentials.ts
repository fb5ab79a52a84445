/**
 * What a first start needs so that somebody can enter: made here unless it is given, kept in the home.
 *
 * Invariants:
 * 1. What is given is used as it is, and neither kept nor shown.
 * 2. What somebody has to know is shown by the start that makes it, and by no other. Files of the
 *    home that only its owner can read have it from then on.
 */
import type { Log } from '#runtime/log.ts'
import type { Env } from './provision/ladder.ts'
import { keepSecret } from './secret.ts'

const KEPT = {
  JWT_SECRET: 'jwt.secret',
  SLUICE_API_KEY: 'api.key',
  ADMIN_PASSWORD: 'admin.password',
  API_KEY_PEPPER: 'api-key.pepper',
} as const
export type CredentialName = keyof typeof KEPT

/** By the name of the environment variable. */
export type Credentials = Readonly<Record<CredentialName, string>>

const CREDENTIAL_NAMES = Object.keys(KEPT) as readonly CredentialName[]
const SHOWN: readonly CredentialName[] = ['SLUICE_API_KEY', 'ADMIN_PASSWORD']

export interface CredentialsOptions {
  readonly home: string
  readonly env: Env
  readonly log: Log
}

export async function ownCredentials({ home, env, log }: CredentialsOptions): Promise<Credentials> {
  const credentials: Partial<Record<CredentialName, string>> = {}
  const shown: Partial<Record<CredentialName, string>> = {}
  for (const name of CREDENTIAL_NAMES) {
    const given = env[name]?.trim() ?? ''
    if (given !== '') {
      credentials[name] = given
      continue
    }
    const { secret, isNew } = await keepSecret(home, KEPT[name])
    credentials[name] = secret
    if (isNew && SHOWN.includes(name)) shown[name] = secret
  }
  if (Object.keys(shown).length > 0) log.announce('first_start', { ...shown, kept_in: home })
  return credentials as Credentials
}

/** For processes that let nobody in: they run or read for others. */
export function withoutCredentials(env: Env): Env {
  const names: readonly string[] = CREDENTIAL_NAMES
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))
}
