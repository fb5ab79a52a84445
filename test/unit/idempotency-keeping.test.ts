/** What the log keeps of requests whose words are nobody's business. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { inClear, keepSecret } from '../../apps/edge/idempotency/keeping.ts'

const PEPPER = 'x'.repeat(32)
const keeping = keepSecret(PEPPER)
const incoming = { method: 'POST', url: '/x', headers: {} } as unknown as IncomingMessage
const asked = (subject: string | undefined) => ({
  incoming,
  principal: { owner: 'team', subject, scopes: new Set<never>() },
})
const BODY = Buffer.from('{"a":1,"password":"correct horse"}')
const SAME = Buffer.from('{ "password": "correct horse", "a": 1 }')

test('a sealed answer opens in its place, and nowhere else', () => {
  for (const text of ['', '{"key":"sluice_ä"}', 'x'.repeat(100_000)]) {
    const kept = keeping.seal(text, 'here')
    assert.equal(keepSecret(PEPPER).open(kept, 'here'), text)
    assert.throws(() => keeping.open(kept, 'there'))
    assert.throws(() => keepSecret('y'.repeat(32)).open(kept, 'here'))
    const bytes = Buffer.from(kept, 'base64url')
    for (const at of [0, 12, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[at]! ^= 1
      assert.throws(() => keeping.open(changed.toString('base64url'), 'here'), `byte ${at}`)
    }
    assert.throws(() => keeping.open(bytes.subarray(0, -1).toString('base64url'), 'here'))
  }
  assert.throws(() => keeping.open('', 'here'))
})

test('the same answer is never sealed to the same text, and shows none of it', () => {
  const [one, two] = [keeping.seal('secret', 'here'), keeping.seal('secret', 'here')]
  assert.notEqual(one, two)
  assert.ok(!Buffer.from(one, 'base64url').includes('secret'))
})

test('a fingerprint is of the request, of whoever asks, and of the pepper', () => {
  const print = keeping.fingerprint(asked('ada'), BODY)
  assert.equal(print, keeping.fingerprint(asked('ada'), SAME))
  const others = [
    keeping.fingerprint(asked('ada'), Buffer.from('{"a":1,"password":"wrong horse"}')),
    keeping.fingerprint(asked('bob'), BODY),
    keeping.fingerprint(asked(undefined), BODY),
    keepSecret('y'.repeat(32)).fingerprint(asked('ada'), BODY),
    inClear.fingerprint(asked('ada'), BODY),
  ]
  assert.equal(new Set([print, ...others]).size, others.length + 1)
})
