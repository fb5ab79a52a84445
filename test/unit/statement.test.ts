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
  assert.equal(nameOf(part('a', 1)), nameOf(part('a', 100)))
  assert.notEqual(nameOf(part('a', 1)), nameOf(part('b', 1)))
})

test('a large one is planned for its own values', () => {
  assert.equal(nameOf(part('a', 1), part('b', 10_000)), '')
})
