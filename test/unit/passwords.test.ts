import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Problem } from '#domain/problem.ts'
import { hashPassword, isPasswordLength, verifyPassword } from '#runtime/passwords.ts'
import { Hashing } from '../../apps/edge/access/hashing.ts'

const PHC = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/

describe('a password', () => {
  it('has 8 to 256 bytes, not characters', () => {
    assert.deepEqual(
      ['1234567', '12345678', '비밀번호', 'x'.repeat(256), 'x'.repeat(257), '비'.repeat(86)].map(
        isPasswordLength,
      ),
      [false, true, true, true, false, false],
    )
  })

  it('is known by its hash alone, which is salted', async () => {
    const [one, other] = await Promise.all([hashPassword('correct'), hashPassword('correct')])
    assert.match(one, PHC)
    assert.notEqual(one, other)
    assert.equal(await verifyPassword('correct', one), true)
    assert.equal(await verifyPassword('correct', other), true)
    assert.equal(await verifyPassword('Correct', one), false)
    assert.equal(await verifyPassword('', one), false)
  })

  it('is checked as argon2 itself does it', async () => {
    // From the tests of the reference implementation: password, somesalt, 2^8 KiB, two passes.
    const hash =
      '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4'
    assert.equal(await verifyPassword('password', hash), true)
    assert.equal(await verifyPassword('passwore', hash), false)
  })

  it('is no match for what is no hash, or one that is too dear', async () => {
    for (const hash of [
      '',
      'password',
      '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
      '$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
      '$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
    ]) {
      assert.equal(await verifyPassword('password', hash), false)
    }
  })
})

describe('hashing', () => {
  it('takes two at once and twenty in waiting; one more is told to come back', async () => {
    const hashing = new Hashing()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 25 }, () => hashing.hash('password')),
    )
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected')
    assert.equal(refused.length, 3)
    for (const { reason } of refused) {
      assert.ok(reason instanceof Problem)
      assert.deepEqual([reason.code, reason.retryAfterS], ['OVERLOADED', 1])
    }
    // It is free again.
    assert.match(await hashing.hash('password'), PHC)
  })
})
