/** What a GraphQL document costs, and how much of it is too much. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getIntrospectionQuery, parse } from 'graphql'
import {
  beyondLimits,
  LIMITS,
  QUERY_COST,
  type Variables,
} from '../../apps/edge/surfaces/graphql/limits.ts'
import { buildSchema } from '../../apps/edge/surfaces/graphql/server.ts'

const schema = buildSchema()
/** The name of the limit that is passed. */
const beyond = (text: string, variables?: Variables) =>
  (beyondLimits(schema, parse(text), variables)?.extensions['details'] as { limit?: string })?.limit

const times = (count: number, text: string) => Array.from({ length: count }, () => text).join(' ')

test('each query of the read models costs, and each value that it may answer', () => {
  const most = LIMITS.cost / QUERY_COST - 1
  assert.equal(beyond(`{ ${times(most, 'job(id: 1) { id }')} }`), undefined)
  assert.equal(beyond(`{ ${times(most + 1, 'job(id: 1) { id }')} }`), 'cost')
  // 100 values of each field in a page of 100, beside the query itself.
  const fields = Math.floor((LIMITS.cost - QUERY_COST) / 100) - 1
  const page = (count: number) =>
    `{ functions(first: 100) { functions { ${times(count, 'id')} } } }`
  assert.equal(beyond(page(fields - 1)), undefined)
  assert.equal(beyond(page(fields)), 'cost')
})

test('what is asked for each of a list costs each time, what is asked together once', () => {
  const of = (first: number, field: string) =>
    `{ functions(first: ${first}) { functions { ${field} } } }`
  assert.equal(beyond(of(18, 'jobs(first: 1) { has_more }')), undefined)
  assert.equal(beyond(of(19, 'jobs(first: 1) { has_more }')), 'cost')
  assert.equal(beyond(of(100, 'metrics { success_rate }')), undefined)
})

test('the length of a page is what is asked, in whatever way, and else what the schema says', () => {
  const text = (defined: string, first: string) =>
    `query ($n: Int ${defined}) { functions(${first}) { functions { jobs { has_more } } } }`
  assert.equal(beyond(text('', 'first: $n'), { n: 2 }), undefined)
  assert.equal(beyond(text('', 'first: $n'), { n: 100 }), 'cost')
  assert.equal(beyond(text('= 2', 'first: $n')), undefined)
  assert.equal(beyond(text('= 100', 'first: $n')), 'cost')
  assert.equal(beyond(text('= 100', 'first: $n'), { n: 2 }), undefined)
  // Not given: the schema's own 20, or at least never less.
  assert.equal(beyond(text('', 'after: 1')), 'cost')
  for (const n of [null, -5, 'x', 1e300, true]) {
    assert.equal(beyond(text('', 'first: $n'), { n }), 'cost', String(n))
  }
})

test('depth, aliases and fields are counted through fragments', () => {
  const deep = `{ job(id: 1) { ...a } }
    fragment a on Job { function { ...b } }
    fragment b on Function { jobs(first: 1) { jobs { ... on Job { function { ...c } } } } }
    fragment c on Function { jobs(first: 1) { jobs { function { id } } } }`
  assert.equal(beyond(deep), 'depth')
  const aliased = `{ ${times(16, '...a')} } fragment a on Query { x: __typename y: __typename }`
  assert.equal(beyond(aliased), 'aliases')
  const spread = `{ ...f0 } ${Array.from({ length: 50 }, (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`).join(' ')} fragment f50 on Query { __typename }`
  assert.equal(beyond(spread), 'fields')
})

test('operations are measured together, whichever is run', () => {
  const one = (name: string) => `query ${name} { ${times(10, 'job(id: 1) { id }')} }`
  assert.equal(beyond(one('a')), undefined)
  assert.equal(beyond(`${one('a')} ${one('b')}`), 'cost')
})

test('introspection as tools ask for it is within the limits, a product of lists is not', () => {
  assert.equal(beyond(getIntrospectionQuery()), undefined)
  const leaves = times(90, 'name')
  assert.equal(
    beyond(`{ __schema { types { fields { type { fields { ${leaves} } } } } } }`),
    'cost',
  )
})

test('what validation will refuse is measured all the same', () => {
  for (const text of [
    '{ nothing { at { all } } }',
    '{ ...gone }',
    '{ ...a } fragment a on Query { ...a }',
    '{ ...a } fragment a on Nothing { ...b } fragment b on Job { ...a id }',
    'mutation { x }',
    '{ functions(first: [1]) { functions { id } } }',
    'fragment a on Job { id }',
  ]) {
    assert.equal(beyond(text), undefined, text)
  }
})
