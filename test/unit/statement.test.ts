/** Which statements Postgres keeps a plan for. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { column, statementOf, type Part } from '#projections/statement.ts'

const part = (name: string, rows: number): Part => ({
  name,
  values: [column(Array.from({ length: rows }, () => 'x'.repeat(32)))],
  sql: ($) => `select from unnest(${$(1)}::text[])`,
})
const nameOf = (...parts: Part[]) => statementOf(parts, 'select 1').name

test('small ones of the same parts are one, whatever their values', () => {
  assert.notEqual(nameOf(part('a', 1)), '')
  const names = [part('a', 1), part('a', 100)].map((one) => nameOf(one))
  assert.equal(names[0], names[1])
  assert.notEqual(nameOf(part('a', 1)), nameOf(part('b', 1)))
})

test('one is planned anew each time it was used twice as often, and in the end no more', () => {
  const names = Array.from({ length: 20_000 }, (_, i) => nameOf(part('c', 1 + (i % 9))))
  const firstUses = names.flatMap((name, i) => (names.indexOf(name) === i ? [i + 1] : []))
  assert.deepEqual(
    firstUses,
    Array.from({ length: 13 }, (_, doublings) => 2 ** doublings),
  )
})

test('a large one is planned for its own values', () => {
  assert.equal(nameOf(part('a', 1), part('b', 10_000)), '')
})
