import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Problem } from '#domain/problem.ts'
import { createSignIn } from '../../apps/edge/access/sign-in.ts'
import { createLimiter } from '../../apps/edge/limits/limiter.ts'

const PASSWORD = 'correct horse'
const address = '192.0.2.1'

/** Whoever has asked, and what it was compared with. */
function world() {
  const checked: { password: string; hash: string }[] = []
  const user = {
    username: 'ada',
    owner: 'ada',
    scopes: [],
    password_hash: 'hash of ada',
    version: 1,
    created_at: '',
    updated_at: '',
  }
  const users = { living: (name: string) => (name === 'ada' ? user : undefined) }
  const hashing = {
    verify: async (password: string, hash: string) => {
      checked.push({ password, hash })
      return password === PASSWORD
    },
  }
  const signIn = createSignIn({ users, hashing, limiter: createLimiter() })
  const codeOf = async (username: string, password: string, from = address) => {
    try {
      await signIn({ username, password, address: from })
      return 'OK'
    } catch (error) {
      assert.ok(error instanceof Problem)
      return error.code
    }
  }
  return { codeOf, checked, user, signIn }
}

const times = <T>(n: number, make: (i: number) => T) => Array.from({ length: n }, (_, i) => make(i))
const count = (codes: readonly string[], code: string) => codes.filter((it) => it === code).length

describe('signing in', () => {
  it('knows who it is by name and password', async () => {
    const { signIn, user } = world()
    assert.equal(await signIn({ username: 'ada', password: PASSWORD, address }), user)
  })

  it('checks a password for whoever is named, also where nobody has that name', async () => {
    const { codeOf, checked } = world()
    assert.equal(await codeOf('ada', 'wrong'), 'UNAUTHORIZED')
    assert.equal(await codeOf('nobody', 'wrong'), 'UNAUTHORIZED')
    assert.deepEqual(
      checked.map(({ password }) => password),
      ['wrong', 'wrong'],
    )
    assert.match(checked[1]?.hash ?? '', /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  })

  it('lets in nobody whose name is unknown, whatever the password', async () => {
    const { codeOf } = world()
    assert.equal(await codeOf('nobody', PASSWORD), 'UNAUTHORIZED')
  })

  it('counts five failures of an address at an account, known or not', async () => {
    for (const name of ['ada', 'nobody']) {
      const { codeOf, checked } = world()
      for (let i = 0; i < 5; i++) assert.equal(await codeOf(name, 'wrong'), 'UNAUTHORIZED')
      assert.equal(await codeOf(name, PASSWORD), 'RATE_LIMITED')
      assert.equal(checked.length, 5)
    }
  })

  it('keeps nobody out elsewhere, however often one address fails', async () => {
    const { codeOf } = world()
    await Promise.all(times(20, () => codeOf('ada', 'wrong')))
    for (let i = 0; i < 100; i++) await codeOf('ada', 'wrong')
    assert.equal(await codeOf('ada', PASSWORD), 'RATE_LIMITED')
    assert.equal(await codeOf('ada', PASSWORD, '192.0.2.2'), 'OK')
  })

  it('lets whoever is elsewhere in before a queue of attempts that are used up', async () => {
    const { codeOf } = world()
    const guesses = times(20, () => codeOf('ada', 'wrong'))
    assert.equal(await codeOf('ada', PASSWORD, '192.0.2.2'), 'OK')
    assert.equal(count(await Promise.all(guesses), 'UNAUTHORIZED'), 5)
  })

  it('brakes whoever guesses at one account from many addresses', async () => {
    const { codeOf, checked } = world()
    for (let i = 0; i < 100; i++) {
      assert.equal(await codeOf('ada', 'wrong', `a${i % 25}`), 'UNAUTHORIZED')
    }
    assert.equal(await codeOf('ada', PASSWORD, 'b'), 'RATE_LIMITED')
    assert.equal(checked.length, 100)
  })

  it('counts twenty failures of an address, whomever they aim at', async () => {
    const { codeOf } = world()
    for (let i = 0; i < 20; i++) assert.equal(await codeOf(`user${i}`, 'wrong'), 'UNAUTHORIZED')
    assert.equal(await codeOf('ada', PASSWORD), 'RATE_LIMITED')
    assert.equal(await codeOf('ada', PASSWORD, '192.0.2.2'), 'OK')
  })

  it('does not count a success', async () => {
    const { codeOf } = world()
    for (let i = 0; i < 30; i++) assert.equal(await codeOf('ada', PASSWORD), 'OK')
  })

  it('gives a burst no more guesses than its limit, and no queue without an end', async () => {
    const { codeOf, checked } = world()
    const codes = await Promise.all(times(50, () => codeOf('ada', 'wrong')))
    assert.equal(count(codes, 'UNAUTHORIZED'), 5)
    assert.equal(checked.length, 5)
    assert.ok(count(codes, 'OVERLOADED') > 0)
    const { codeOf: spread, checked: guessed } = world()
    for (let round = 0; round < 8; round++) {
      await Promise.all(times(20, (i) => spread('ada', 'wrong', `a${round}-${i}`)))
    }
    assert.equal(guessed.length, 100)
    const { codeOf: other, checked: others } = world()
    await Promise.all(times(50, (i) => other(`user${i}`, 'wrong')))
    assert.equal(others.length, 20)
  })
})
