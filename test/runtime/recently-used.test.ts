/** What is kept in memory of what can be read again. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { RecentlyUsed } from '#runtime/recently-used.ts'

const keptOf = (all: RecentlyUsed<string>, ...keys: number[]) => keys.map((key) => all.get(key))

test('the least recently used makes room, and only as much as is needed', () => {
  const texts = new RecentlyUsed<string>(6, ({ length }) => length)
  texts.keep(1, 'aa')
  texts.keep(2, 'bb')
  texts.keep(3, 'cc')
  assert.equal(texts.get(1), 'aa')
  texts.keep(4, 'd')
  assert.deepEqual(keptOf(texts, 1, 2, 3, 4), ['aa', undefined, 'cc', 'd'])
})

test('what is kept twice counts once, and what is too large is kept alone', () => {
  const texts = new RecentlyUsed<string>(4, ({ length }) => length)
  for (let again = 0; again < 3; again++) texts.keep(1, 'aa')
  texts.keep(2, 'bb')
  assert.deepEqual(keptOf(texts, 1, 2), ['aa', 'bb'])
  texts.keep(3, 'ccccc')
  assert.deepEqual(keptOf(texts, 1, 2, 3), [undefined, undefined, 'ccccc'])
})
