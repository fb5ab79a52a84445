/**
 * Who a username and a password belong to.
 *
 * Invariants:
 * 1. An unknown user, a deleted one and a wrong password are told apart by nothing: neither the
 *    answer, nor the time that it takes, nor the limits.
 * 2. Failures count, by the account that they aim at and by the address that they come from; a
 *    success does not. Attempts on one account, or from one address, come one after another, so that
 *    no burst gets past a limit that its own failures will have reached.
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

  const check = async ({ username, password, address }: Attempt): Promise<User> => {
    const accounts = () => limiter.peek('token-account', username)
    const addresses = () => limiter.peek('token-address', address)
    for (const look of [addresses, accounts]) requireAllowed(await look())
    const user = users.living(username)
    const isRight = await hashing.verify(password, user?.password_hash ?? NOBODYS)
    if (isRight && user !== undefined) return user
    await limiter.take('token-address', address)
    const { headers } = await limiter.take('token-account', username)
    throw new Problem('UNAUTHORIZED', 'The username or the password is wrong.', undefined, {
      headers: { ...headers, 'www-authenticate': 'Bearer' },
    })
  }

  return (attempt) =>
    inTurn(`address ${attempt.address}`, () =>
      inTurn(`account ${attempt.username}`, () => check(attempt)),
    )
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
