/** The operations, and the check that every answer in the tests goes through. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPERATIONS } from '../../apps/edge/documents/operations.ts'
import { operationAt, violationIn, violationOf } from '../support/api-document.ts'

interface Content {
  readonly schema: object
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}

for (const route of Object.keys(OPERATIONS)) {
  const [method = '', template = ''] = route.split(' ')
  const path = template.replace(/:(\w+)/g, '{$1}')

  test(`${route}: its examples hold no field that is not told`, () => {
    const { requestBody, responses } = operationAt(method, path)
    const bodies = [
      requestBody?.content ?? {},
      ...Object.values(responses).map((one) => one.content),
    ]
    for (const { schema, examples = {} } of bodies.flatMap((content) =>
      Object.values((content ?? {}) as Readonly<Record<string, Content>>),
    )) {
      for (const [name, { value }] of Object.entries(examples)) {
        assert.equal(violationIn(value, schema), undefined, name)
      }
    }
  })
}

const ANSWER = {
  ...{ method: 'GET', path: '/jobs/1/logs', status: 200 },
  headers: new Headers({ 'content-type': 'application/json', 'x-request-id': 'r' }),
  body: JSON.stringify({ success: true, data: { logs: [], truncated: false } }),
}
const inData = (data: object) => ({ body: JSON.stringify({ success: true, data }) })

test('an answer as documented is no violation, nor is one of no route', () => {
  assert.equal(violationOf(ANSWER), undefined)
  assert.equal(violationOf({ ...ANSWER, method: 'HEAD', body: '' }), undefined)
  assert.equal(violationOf({ ...ANSWER, path: '/nothing', status: 404 }), undefined)
  assert.equal(violationOf({ ...ANSWER, method: 'POST', status: 405 }), undefined)
})

const type = (text: string) => ({
  headers: new Headers({ 'content-type': text, 'x-request-id': 'r' }),
})
const VIOLATIONS: readonly [what: string, changed: object, message: RegExp][] = [
  ['a status', { status: 418 }, /^GET \/jobs\/1\/logs answered 418: the status is not documented/],
  ['a content type', type('text/html'), /content type text\/html is not documented/],
  ['a missing field', inData({ logs: [] }), /\/data must have required property 'truncated'/],
  ['a wrong type', inData({ logs: [], truncated: 'no' }), /\/data\/truncated must be boolean/],
  ['a field of no name', inData({ logs: [], truncated: false, x: 1 }), /additional properties/],
  [
    'a time of another form',
    inData({ logs: [{ stream: 'stdout', time: 'now', text: '' }], truncated: false }),
    /\/data\/logs\/0\/time must match format/,
  ],
  [
    'a missing header',
    { headers: new Headers({ 'content-type': 'application/json' }) },
    /the header X-Request-Id is missing/,
  ],
  [
    'a header of no name',
    {
      headers: new Headers({
        ...{ 'content-type': 'application/json', 'x-request-id': 'r', 'retry-after': '1' },
      }),
    },
    /the header retry-after is not documented/,
  ],
  ['a body where there is none', { method: 'DELETE', path: '/functions/1', status: 204 }, /a body/],
]
for (const [what, changed, message] of VIOLATIONS) {
  test(`${what} that is not documented is found`, () => {
    assert.match(violationOf({ ...ANSWER, ...changed }) ?? '', message)
  })
}
