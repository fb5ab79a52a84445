/** API keys of whoever asks: made, listed, revoked. */
import { randomUUID } from 'node:crypto'
import { keyNotFound } from '#domain/api-key.ts'
import { Problem } from '#domain/problem.ts'
import { apiKeyMessageId, type CreateApiKey, type RevokeApiKey } from '#events/api-keys.ts'
import { pageOfKeys, type ApiKeyRow } from '#projections/api-keys.ts'
import type { ApiKeys } from '../../access/api-keys.ts'
import { hashSecret, isKeyId, newKey, newKeyId } from '../../access/key-format.ts'
import { covers, type Principal, type Scope } from '../../access/principal.ts'
import type { Users } from '../../access/users.ts'
import type { SendCommand } from '../../commands.ts'
import { readJson } from '../../http/body.ts'
import type { Router } from '../../http/exchange.ts'
import { pageOf } from '../../http/page.ts'
import { validator } from '../../http/validate.ts'
import type { Queries } from '../../queries.ts'
import { staleness } from '../functions/functions.ts'
import { shown } from '../operations/dialect.ts'
import { NewKey, type KeyMade, type KeyPage, type KeyView } from './schemas.ts'

const LAST = 4
/** Later years need more than four digits, and no read model would know the key. */
const EXPIRES_MS_MAX = Date.parse('9999-12-31T23:59:59.999Z')
const validNewKey = validator<NewKey>(NewKey)

export interface KeyRoutesOptions {
  readonly send: SendCommand
  readonly keys: ApiKeys
  readonly users: Users
  readonly queries: Queries
  readonly pepper: string | undefined
}

export function keyRoutes(router: Router, options: KeyRoutesOptions): void {
  const { send, keys, queries, pepper } = options

  router.on('POST /api/v1/keys', async (exchange) => {
    const { cause, effect, principal } = exchange
    const body = validNewKey(await readJson(exchange))
    const { name, scopes } = body
    const expires_at = expiryOf(body.expires_at)
    requireOwn(principal, scopes)
    const username = makerOf(principal, options)
    if (pepper === undefined) throw new Problem('UNAVAILABLE', 'No API_KEY_PEPPER is set here.')
    const key_id = await effect.newId({ take: newKeyId })
    const { secret, key } = newKey(key_id)
    const data: Omit<CreateApiKey['data'], 'deadline'> = {
      key_id,
      owner: principal.owner,
      username,
      name,
      scopes,
      last_four: key.slice(-LAST),
      secret_hash: hashSecret(secret, pepper).toString('base64url'),
      expires_at,
    }
    const type: CreateApiKey['type'] = 'key.create'
    // Each try has a secret of its own, so each is a command of its own: one of them is decided.
    const id = apiKeyMessageId.command(type, randomUUID())
    await send({ type, id, subject: key_id, data, known: 'keys' }, cause)
    const answer = { id: key_id, key, name, scopes, last_four: data.last_four, expires_at }
    return shown<KeyMade>(201, answer, { location: `/api/v1/keys/${key_id}` })
  })

  router.on('GET /api/v1/keys', async (exchange) => {
    const page = pageOf(exchange)
    const { owner } = exchange.principal
    const { value, fresh } = await queries.ask((db) => pageOfKeys(db, owner, page))
    const shownKeys = value.keys.map((row) => keyView(row, keys))
    const body = { keys: shownKeys, page: page.page, per_page: page.perPage }
    return shown<KeyPage>(200, { ...body, has_more: value.has_more }, staleness(fresh))
  })

  router.on('DELETE /api/v1/keys/:key_id', async ({ cause, principal: { owner }, param }) => {
    const key_id = param('key_id')
    if (!isKeyId(key_id)) throw keyNotFound(key_id)
    const type: RevokeApiKey['type'] = 'key.revoke'
    const id = apiKeyMessageId.command(type, randomUUID())
    await send({ type, id, subject: key_id, data: { key_id, owner }, known: 'keys' }, cause)
    return { status: 204 }
  })
}

/** Nobody hands on more than they have. */
function requireOwn({ scopes }: Principal, wanted: readonly Scope[]): void {
  const more = wanted.filter((scope) => !covers(scopes, scope))
  if (more.length === 0) return
  const message = `A key cannot have more scopes than whoever makes it: ${more.join(', ')}.`
  throw new Problem('FORBIDDEN', message, { field: 'scopes', required_scope: more })
}

/** The user whom the key will hang on. */
function makerOf({ subject = '' }: Principal, { keys, users }: KeyRoutesOptions): string {
  const username = keys.userBehind(subject)
  if (username !== undefined && users.find(username)?.kind !== 'gone') return username
  throw new Problem('UNAUTHORIZED', 'Who asks for a key is gone.')
}

/** In UTC, as all our times. */
function expiryOf(given: string | null | undefined): string | null {
  if (given === undefined || given === null) return null
  const at = Date.parse(given)
  if (at > Date.now() && at <= EXPIRES_MS_MAX) return new Date(at).toISOString()
  const message = 'expires_at must be a time in the future, of the year 9999 in UTC at the latest.'
  throw new Problem('INVALID_REQUEST', message, { field: 'expires_at', pointer: '/expires_at' })
}

function keyView(row: ApiKeyRow, keys: ApiKeys): KeyView {
  const { id, name, scopes, last_four } = row
  const { created_at, expires_at, last_used_at, revoked_at } = row
  const times = { created_at, expires_at, last_used_at, revoked_at }
  // Not good and not revoked: it has expired, or the user who made it is gone.
  return { id, name, scopes, last_four, ...times, active: keys.isGood(id) }
}
