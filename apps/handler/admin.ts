/**
 * The first user: `admin`, with the password that the environment names.
 *
 * Invariants:
 * 1. The environment is the truth: a password that was changed otherwise, a deletion and a loss of
 *    the scope `admin` last until the next start.
 * 2. It is one decision like any other, so any number of handlers may try at once, and one that is
 *    killed in the act has done it whole or not at all.
 */
import { randomUUID } from 'node:crypto'
import { Problem } from '#domain/problem.ts'
import { currentUser } from '#domain/user.ts'
import { envelope } from '#events/envelope.ts'
import { LOCAL_OWNER } from '#events/functions.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import { filters } from '#events/subjects.ts'
import { ADMIN, userMessageId, type User, type UserCommand, type UserEvent } from '#events/users.ts'
import type { Log } from '#runtime/log.ts'
import { hashPassword, verifyPassword } from '#runtime/passwords.ts'
import { SOURCE, type Aggregate } from './commands.ts'
import type { LogAccess } from './lone-aggregate.ts'

const DECIDE_WITHIN_MS = 60_000
const SCOPE = 'admin'

export interface AdminOptions extends Pick<LogAccess, 'bus' | 'payloads'> {
  readonly users: Aggregate<UserCommand>
  readonly password: string
  readonly log: Log
}

/** Resolves when the admin is as the environment wants it. */
export async function ensureAdmin({ bus, payloads, users, password, log }: AdminOptions) {
  for (;;) {
    const query = { last_by_subj: filters.userEventsOf(ADMIN) }
    const newest = await readEvent<UserEvent>(bus, payloads, query)
    const command = await commandFor(currentUser(newest?.event), password)
    if (command === undefined) return
    try {
      await users.act(command, false)
      log.info('admin_set', { type: command.type })
      return
    } catch (error) {
      // Another handler was faster: look again.
      if (!(error instanceof Problem) || !OVERTAKEN.has(error.code)) throw error
    }
  }
}

const OVERTAKEN = new Set<Problem['code']>(['NAME_TAKEN', 'NOT_FOUND'])

/** Undefined: all is well. */
async function commandFor(
  current: User | undefined,
  password: string,
): Promise<UserCommand | undefined> {
  const now = Date.now()
  const deadline = new Date(now + DECIDE_WITHIN_MS).toISOString()
  const cause = { correlationid: randomUUID() }
  const said = { source: SOURCE, time: new Date(now).toISOString(), cause }
  const id = userMessageId.command('user.ensure', cause.correlationid)
  const message = { id, subject: ADMIN }
  const about = { username: ADMIN, deadline }
  if (current === undefined) {
    const input = { owner: LOCAL_OWNER, scopes: [SCOPE] }
    const data = { ...about, ...input, password_hash: await hashPassword(password) }
    return envelope(said, { ...message, type: 'user.create', data })
  }
  const isSame = await verifyPassword(password, current.password_hash)
  const isAdmin = current.scopes.includes(SCOPE)
  if (isSame && isAdmin) return undefined
  const changes = {
    ...(!isSame && { password_hash: await hashPassword(password) }),
    ...(!isAdmin && { scopes: [...current.scopes, SCOPE] }),
  }
  return envelope(said, { ...message, type: 'user.change', data: { ...about, changes } })
}
