/**
 * Password hashes cost 40 ms and 19 MiB each: so many at once, so many waiting, one more is told to
 * come back. They run beside the event loop, on libuv's threads.
 */
import { Problem } from '#domain/problem.ts'
import { hashPassword, verifyPassword } from '#runtime/passwords.ts'

const AT_ONCE = 2
const WAITING_MAX = 20
const BACK_SOON_S = 1

export class Hashing {
  #underWay = 0
  readonly #waiting: (() => void)[] = []

  hash(password: string): Promise<string> {
    return this.#inTurn(() => hashPassword(password))
  }

  verify(password: string, hash: string): Promise<boolean> {
    return this.#inTurn(() => verifyPassword(password, hash))
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#underWay < AT_ONCE) this.#underWay++
    else await this.#turn()
    try {
      return await work()
    } finally {
      // Whoever waits takes over the place.
      const next = this.#waiting.shift()
      if (next === undefined) this.#underWay--
      else next()
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= WAITING_MAX) throw tooMany()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}

export function tooMany(): Problem {
  return new Problem('OVERLOADED', 'Too many passwords are being checked.', undefined, {
    retryAfterS: BACK_SOON_S,
  })
}
