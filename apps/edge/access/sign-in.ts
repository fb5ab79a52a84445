/**
 * Who a username and a password belong to.
 *
 * Invariants:
 * 1. An unknown user, a deleted one and a wrong password are told apart by nothing: neither the
 *    answer, nor the time that it takes, nor the limits.
 * 2. Failures count, a success does not. Attempts from one address come one after another, and so do
 *    those on one account that their address has not used up: no burst gets past a limit that its own
 *    failures will have reached.
 * 3. An address that has failed keeps nobody out elsewhere: a few failures close an account to where
 *    they come from, and only as many as no one address can make close it everywhere.
 */
import { Problem } from '#domain/problem.ts'
import type { User } from '#events/users.ts'
import type { Decision, Limiter } from '../limits/limiter.ts'
import { tooMany, type Hashing } from './hashing.ts'
import type { Users } from './users.ts'

/** Of no password: as dear to check as anybody's. */
const NOBODYS =
  '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const WAITING_MAX = 20

export interface Attempt {
  readonly username: string
  readonly password: string
  readonly address: string
}

export interface SignInOptions {
  readonly users: Pick<Users, 'living'>
  readonly hashing: Pick<Hashing, 'verify'>
  readonly limiter: Limiter
}

/** Throws a `Problem` UNAUTHORIZED, RATE_LIMITED, OVERLOADED or UNAVAILABLE. */
export type SignIn = (attempt: Attempt) => Promise<User>

export function createSignIn({ users, hashing, limiter }: SignInOptions): SignIn {
  const inTurn = createTurns()

  const requireAddress = async (address: string, accountAt: string): Promise<void> => {
    requireAllowed(await limiter.peek('token-address', address))
    requireAllowed(await limiter.peek('token-account-at-address', accountAt))
  }

  const check = async ({ username, password, address }: Attempt, accountAt: string) => {
    requireAllowed(await limiter.peek('token-account', username))
    const user = users.living(username)
    const isRight = await hashing.verify(password, user?.password_hash ?? NOBODYS)
    if (isRight && user !== undefined) return user
    await limiter.take('token-address', address)
    await limiter.take('token-account', username)
    const { headers } = await limiter.take('token-account-at-address', accountAt)
    throw new Problem('UNAUTHORIZED', 'The username or the password is wrong.', undefined, {
      headers: { ...headers, 'www-authenticate': 'Bearer' },
    })
  }

  return (attempt) => {
    const { username, address } = attempt
    const accountAt = `${address} ${username}`
    return inTurn(`address ${address}`, async () => {
      await requireAddress(address, accountAt)
      return inTurn(`account ${username}`, () => check(attempt, accountAt))
    })
  }
}

function requireAllowed({ allowed, headers, retryAfterS }: Decision): void {
  if (allowed) return
  const message = 'Too many failed attempts.'
  throw new Problem('RATE_LIMITED', message, undefined, { headers, retryAfterS })
}

/** One after another for each key; whoever holds one never waits for another of the same kind. */
function createTurns() {
  const lanes = new Map<string, { waiting: number; last: Promise<unknown> }>()

  return async <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const lane = lanes.get(key) ?? { waiting: 0, last: Promise.resolve() }
    if (lane.waiting > WAITING_MAX) throw tooMany()
    lanes.set(key, lane)
    lane.waiting++
    const own = lane.last.then(work)
    lane.last = own.catch(() => undefined)
    try {
      return await own
    } finally {
      if (--lane.waiting === 0) lanes.delete(key)
    }
  }
}
