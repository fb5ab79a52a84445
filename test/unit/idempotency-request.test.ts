/** When two requests are the same one. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { digestOf, fingerprintOf, parseKey } from '../../apps/edge/idempotency/request.ts'

test('a quoted key is the bare one', () => {
  for (const [header, key] of [
    ['k', 'k'],
    ['"k"', 'k'],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['a"b', 'a"b'],
    ['~', '~'],
    ['x'.repeat(255), 'x'.repeat(255)],
  ] as const) {
    assert.equal(parseKey(header), key)
  }
})

test('what is no key is refused', () => {
  for (const header of ['', '""', '"', '"k', 'a b', 'k, k', '\u00e9', '\t', 'x'.repeat(256)]) {
    assert.throws(() => parseKey(header), { code: 'INVALID_REQUEST' }, header)
  }
})

test('owners and keys do not run into one another', () => {
  assert.notEqual(digestOf('a', 'b'), digestOf('ab', ''))
  assert.match(digestOf('ä', '"'), /^[-\w]{43}$/)
})

const request = (headers: Record<string, string> = {}, url = '/x?y=1', method = 'POST') =>
  ({ method, url, headers }) as unknown as IncomingMessage
const print = (body: string, incoming = request()) => fingerprintOf(incoming, Buffer.from(body))

test('the order of a body and its spaces say nothing', () => {
  const same = ['{"a":1,"b":[{"c":2,"d":3}]}', '{ "b": [{"d":3.0, "c":2}], "a": 1e0 }']
  assert.equal(new Set(same.map((body) => print(body))).size, 1)
})

test('whatever changes what is asked is another request', () => {
  const all = [
    print('{"a":1}'),
    print('{"a":2}'),
    print('{"a":"1"}'),
    print('[1,2]'),
    print('[2,1]'),
    print('{'),
    print(''),
    print('{"__proto__":1}'),
    print('{}'),
    print('{}', request({ prefer: 'respond-async' })),
    print('{}', request({ 'language-title': 'python-a' })),
    print('{}', request({}, '/x?y=2')),
    print('{}', request({}, '/x?y=1', 'PUT')),
  ]
  assert.equal(new Set(all).size, all.length)
})

test('what only describes the client does not', () => {
  assert.equal(print('{}', request({ 'user-agent': 'a' })), print('{}'))
})
