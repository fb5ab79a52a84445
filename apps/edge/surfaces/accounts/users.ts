/** Users, for whoever administers them. */
import { randomUUID } from 'node:crypto'
import { userNotFound } from '#domain/user.ts'
import { excerpt, Problem } from '#domain/problem.ts'
import type { Cause } from '#events/envelope.ts'
import {
  userMessageId,
  type ChangeUser,
  type CreateUser,
  type DeleteUser,
  type UserCommand,
  type UserCreated,
} from '#events/users.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import { subjects } from '#events/subjects.ts'
import { pageOfUsers, type UserRow } from '#projections/users.ts'
import { isPasswordLength, PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN } from '#runtime/passwords.ts'
import type { Hashing } from '../../access/hashing.ts'
import type { Users } from '../../access/users.ts'
import type { Agreement } from '../../knowledge/agreement.ts'
import type { SendCommand } from '../../commands.ts'
import { readJson } from '../../http/body.ts'
import type { Router } from '../../http/exchange.ts'
import { pageOf } from '../../http/page.ts'
import { validator } from '../../http/validate.ts'
import type { Queries } from '../../queries.ts'
import { shown } from '../operations/dialect.ts'
import { staleness } from '../functions/functions.ts'
import { NewUser, UserChanges, USERNAME, type UserPage, type UserView } from './schemas.ts'

const validNewUser = validator<NewUser>(NewUser)
const validChanges = validator<UserChanges>(UserChanges)

export interface UserRoutesOptions {
  readonly send: SendCommand
  readonly users: Users
  readonly hashing: Hashing
  readonly queries: Queries
  readonly bus: Bus
  readonly payloads: Payloads
  readonly agreement: Agreement
}

type DataOf<Command extends UserCommand> = Omit<Command['data'], 'deadline'>

export function userRoutes(router: Router, options: UserRoutesOptions): void {
  const { users, hashing, queries } = options

  const decide = async <Command extends UserCommand>(
    type: Command['type'],
    data: DataOf<Command>,
    cause: Cause,
    id = userMessageId.command(type, randomUUID()),
  ): Promise<void> => {
    const messageId = userMessageId.command(type, randomUUID())
    const asked = { type, id, messageId, subject: data.username, data, known: 'users' as const }
    await options.send(asked, cause)
  }

  router.on('POST /api/v1/users', async (exchange) => {
    const { cause, effect } = exchange
    const body = validNewUser(await readJson(exchange))
    const { username, password, scopes, owner = username } = body
    const password_hash = await hashed(password, hashing)
    const type: CreateUser['type'] = 'user.create'
    // A name may be given again, a creation is done once: it has an id beside the name.
    const id = userMessageId.command(type, await effect.newId({ take: () => randomUUID() }))
    if (effect.before === undefined || !(await isDone(id, username, options))) {
      await decide<CreateUser>(type, { username, owner, scopes, password_hash }, cause, id)
    }
    return shown<UserView>(201, current(users, username), { location: `/api/v1/users/${username}` })
  })

  router.on('GET /api/v1/users', async (exchange) => {
    const page = pageOf(exchange)
    const { value, fresh } = await queries.ask((db) => pageOfUsers(db, page))
    const { has_more } = value
    const body = { users: value.users.map(userView), page: page.page, per_page: page.perPage }
    return shown<UserPage>(200, { ...body, has_more }, staleness(fresh))
  })

  router.on('PATCH /api/v1/users/:username', async (exchange) => {
    const { cause, param } = exchange
    const username = nameIn(param('username'))
    const { password, scopes } = validChanges(await readJson(exchange))
    const changes = {
      ...(scopes !== undefined && { scopes }),
      ...(password !== undefined && { password_hash: await hashed(password, hashing) }),
    }
    await decide<ChangeUser>('user.change', { username, changes }, cause)
    return shown<UserView>(200, current(users, username))
  })

  router.on('DELETE /api/v1/users/:username', async ({ cause, param }) => {
    await decide<DeleteUser>('user.delete', { username: nameIn(param('username')) }, cause)
    return { status: 204 }
  })
}

/** Whether the log has the user that this command makes, whatever has become of them since. */
async function isDone(
  commandId: string,
  username: string,
  { bus, payloads, agreement }: UserRoutesOptions,
): Promise<boolean> {
  const on = { last_by_subj: subjects.userEvent(username, 'created') }
  const created = await readEvent<UserCreated>(bus, payloads, on)
  if (created?.event.causationid !== commandId) return false
  await agreement.settled('users', created.seq)
  return true
}

function nameIn(path: string): string {
  if (!new RegExp(USERNAME).test(path)) throw userNotFound(excerpt(path))
  return path
}

async function hashed(password: string, hashing: Hashing): Promise<string> {
  if (isPasswordLength(password)) return hashing.hash(password)
  const message = `password must have ${PASSWORD_BYTES_MIN} to ${PASSWORD_BYTES_MAX} bytes.`
  throw new Problem('INVALID_REQUEST', message, { field: 'password', pointer: '/password' })
}

/** As this edge knows it, which has read the change by now; somebody may have deleted it since. */
function current(users: Users, username: string) {
  const user = users.living(username)
  if (user === undefined) throw userNotFound(username)
  return userView(user)
}

function userView({ username, owner, scopes, created_at, updated_at }: UserRow): UserView {
  return { username, owner, scopes, created_at, updated_at }
}
