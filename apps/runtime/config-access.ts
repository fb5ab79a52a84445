/**
 * Configuration, the part about who may do what: open or not, the secrets, the provider of
 * identities, the pages that may ask.
 *
 * Invariants:
 * 1. Without credentials Sluice listens on loopback only.
 * 2. No message shows a secret.
 */
import { ConfigError, list, oneOf, text, type Env } from './config-values.ts'
import { PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN } from './passwords.ts'

const AUTH_MODES = ['open', 'required'] as const
export type AuthMode = (typeof AUTH_MODES)[number]

/** Of HS256: a shorter one can be guessed from any token. */
const SECRET_BYTES_MIN = 32
const PEPPER_BYTES_MIN = 16
const PEPPER_BYTES_MAX = 1_024
const DEFAULT_LAMBDA_HOSTS = ['api.lambda-microservice.example.com']
/** What a header can carry, and nobody takes for a token. */
const API_KEY = /^[\x21-\x7e]{16,256}$/
const TOKEN_LIKE = /^[^.]*\.[^.]*\.[^.]*$/
const HOST_NAME = /^[\w.:-]+$/

export interface AccessConfig {
  readonly auth: AuthMode
  /** Signs and verifies tokens of our own (HS256). */
  readonly jwtSecret: string | undefined
  /** The public keys of an identity provider. */
  readonly jwksUrl: string | undefined
  readonly jwtIssuer: string | undefined
  readonly jwtAudience: string | undefined
  /** May do everything, as the owner of what was made without credentials. */
  readonly apiKey: string | undefined
  /** Of the user `admin`, who is made to have it at each start of a handler. */
  readonly adminPassword: string | undefined
  /** What the secrets of stored API keys are hashed with. */
  readonly apiKeyPepper: string | undefined
  /** Pages of these may ask and read. */
  readonly corsOrigins: readonly string[]
  /** Names of the lambda API; they pass the check of `Host`. */
  readonly lambdaHosts: readonly string[]
}

export function resolveAccess(env: Env, host: string): AccessConfig {
  const lambdaHosts = list(env, 'LAMBDA_HOSTS').map(hostName)
  return {
    auth: authMode(env, host),
    jwtSecret: jwtSecret(env),
    jwksUrl: jwksUrl(env),
    jwtIssuer: text(env, 'JWT_ISSUER'),
    jwtAudience: text(env, 'JWT_AUDIENCE'),
    apiKey: apiKey(env),
    adminPassword: bytes(env, 'ADMIN_PASSWORD', PASSWORD_BYTES_MIN, PASSWORD_BYTES_MAX),
    apiKeyPepper: bytes(env, 'API_KEY_PEPPER', PEPPER_BYTES_MIN, PEPPER_BYTES_MAX),
    corsOrigins: Object.freeze(list(env, 'CORS_ORIGINS').map(exactOrigin)),
    lambdaHosts: Object.freeze(lambdaHosts.length > 0 ? lambdaHosts : DEFAULT_LAMBDA_HOSTS),
  }
}

/** For whoever lets requests in: an edge that nobody could enter does not start. */
export function requireEntrance({ auth, jwtSecret, jwksUrl, apiKey }: AccessConfig): void {
  if (auth === 'open' || (jwtSecret ?? jwksUrl ?? apiKey) !== undefined) return
  throw new ConfigError(
    'AUTH is required, and nobody could enter: set JWT_SECRET (32 bytes or more), JWKS_URL (the ' +
      'public keys of your identity provider) or SLUICE_API_KEY in the environment or in .env, or ' +
      'run everything by `npm start`, which makes its own. AUTH=open asks for no credentials, on ' +
      'loopback only.',
  )
}

function authMode(env: Env, host: string): AuthMode {
  const auth = oneOf(env, 'AUTH', AUTH_MODES, isLoopback(host) ? 'open' : 'required')
  if (auth === 'required' || isLoopback(host)) return auth
  throw new ConfigError(
    `HOST is ${host} and AUTH is open: without credentials Sluice listens on loopback only. Set ` +
      'AUTH=required, or HOST=127.0.0.1 (or ::1, localhost), in the environment or in .env.',
  )
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function jwtSecret(env: Env): string | undefined {
  const secret = text(env, 'JWT_SECRET')
  if (secret === undefined || Buffer.byteLength(secret) >= SECRET_BYTES_MIN) return secret
  throw new ConfigError(
    `JWT_SECRET has ${Buffer.byteLength(secret)} bytes: it must have ${SECRET_BYTES_MIN} or more, ` +
      'as `openssl rand -hex 32` makes them. Set it in the environment or in .env.',
  )
}

function jwksUrl(env: Env): string | undefined {
  const given = text(env, 'JWKS_URL')
  if (given === undefined || isPlainUrl(URL.parse(given))) return given
  throw new ConfigError(
    'JWKS_URL must be an http or https URL without a user and a password in it. ' +
      'Set it in the environment or in .env, or leave it out.',
  )
}

function isPlainUrl(url: URL | null): boolean {
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password === ''
}

function apiKey(env: Env): string | undefined {
  const key = text(env, 'SLUICE_API_KEY')
  if (key === undefined || (API_KEY.test(key) && !TOKEN_LIKE.test(key))) return key
  throw new ConfigError(
    'SLUICE_API_KEY must have 16 to 256 visible ASCII characters, and must not look like a token ' +
      '(three parts with dots between them). Set it in the environment or in .env.',
  )
}

function bytes(env: Env, name: string, min: number, max: number): string | undefined {
  const secret = text(env, name)
  const length = Buffer.byteLength(secret ?? '')
  if (secret === undefined || (length >= min && length <= max)) return secret
  throw new ConfigError(
    `${name} has ${length} bytes: it must have ${min} to ${max}. Set it in the environment or in ` +
      '.env, or leave it out.',
  )
}

function exactOrigin(given: string): string {
  const url = URL.parse(given)
  if (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.origin === given &&
    !given.includes('*')
  ) {
    return given
  }
  throw new ConfigError(
    `CORS_ORIGINS has ${JSON.stringify(given)}: each must be an origin as browsers send it, such ` +
      'as https://app.example.com (no path, no wildcard). Set it in the environment or in .env.',
  )
}

function hostName(given: string): string {
  if (HOST_NAME.test(given)) return given.toLowerCase()
  throw new ConfigError(
    `LAMBDA_HOSTS has ${JSON.stringify(given)}: each must be a host name without a port. ` +
      'Set it in the environment or in .env, or leave it out.',
  )
}
