/** Rows of tokens that come again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findRepeats } from '#domain/chunks/grams.ts'
import { randomFrom } from './random.ts'

test('rows of a long text all find room, however full it becomes', () => {
  const random = randomFrom(1)
  // So many fill two thirds of the places: as full as it gets.
  const length = Math.floor(2 ** 20 / 1.5)
  const tokens = Int32Array.from({ length }, () => Math.floor(random() * 20_000))
  const firstAt = findRepeats(tokens, Int32Array.of(0, length), 3)
  assert.equal(firstAt.indexOf(-1), length - 2)
})
