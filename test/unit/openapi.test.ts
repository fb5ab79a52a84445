/**
 * The document of the API by itself: it is OpenAPI, it says what the table of access says, and the
 * examples of the chunk API's document are what it promises.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import Type from 'typebox'
import { ROUTES, type RouteName } from '../../apps/edge/access/routes.ts'
import { NamedSchemas } from '../../apps/edge/documents/named-schemas.ts'
import { openApi } from '../../apps/edge/documents/openapi.ts'
import { OPERATIONS } from '../../apps/edge/documents/operations.ts'
import { EXAMPLES } from '../contract/chunks-document.ts'

interface Shown {
  readonly operationId: string
  readonly security: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: { readonly content: Contents }
  readonly responses: Readonly<Record<string, Answered>>
  readonly 'x-scopes'?: readonly string[]
}
type Contents = Readonly<
  Record<
    string,
    { readonly schema: object; readonly examples?: Record<string, { value: unknown }> }
  >
>
interface Answered {
  readonly content?: Contents
  readonly headers: Readonly<Record<string, unknown>>
}

const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T
const open = plain(openApi({ auth: 'open', version: '1.2.3' }))
const required = plain(openApi({ auth: 'required', version: '1.2.3' }))

function operationOf(document: typeof open, route: string): Shown {
  const [method = '', template = ''] = route.split(' ')
  const path = document.paths[template.replace(/:(\w+)/g, '{$1}')]
  const operation = path?.[method.toLowerCase()]
  assert.ok(operation, `${route} is in the document`)
  return operation as Shown
}

const routes = Object.keys(OPERATIONS)
const operations = routes.map((route) => [route, operationOf(open, route)] as const)

const ajv = new Ajv2020({ strict: false, unicodeRegExp: true, validateFormats: false })
ajv.addSchema({ $id: 'openapi.json', components: open.components })
const violations = (schema: object, value: unknown) => {
  const absolute = JSON.stringify(schema).replaceAll('"#/', '"openapi.json#/')
  const validate = ajv.compile(JSON.parse(absolute) as object)
  return validate(value) ? [] : validate.errors
}

for (const [auth, document] of Object.entries({ open, required })) {
  test(`it is OpenAPI 3.1, with AUTH=${auth}`, async () => {
    const { valid, errors } = await new Validator().validate(plain(document))
    assert.ok(valid, JSON.stringify(errors, null, 1))
    assert.equal(document.openapi, '3.1.1')
  })
}

test('it has each operation once and nothing else', () => {
  const shown = Object.entries(open.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  const expected = routes.map((route) => route.replace(/:(\w+)/g, '{$1}'))
  assert.deepEqual(shown.sort(), expected.sort())
  const ids = operations.map(([, { operationId }]) => operationId)
  assert.equal(new Set(ids).size, ids.length)
})

test('each name in a path is one of its parameters, and the other way round', () => {
  for (const [route, { parameters = [] }] of operations) {
    const named = [...route.matchAll(/:(\w+)/g)].map(([, name]) => name)
    const told = parameters.filter((one) => one.in === 'path').map(({ name }) => name)
    assert.deepEqual(told, named, route)
  }
})

describe('credentials', () => {
  const KNOWN = [{ bearer: [] }, { apiKey: [] }]

  test('are asked of whom the table of access asks them', () => {
    for (const name of routes) {
      const access: { scopes: readonly string[]; closed?: true } =
        name in ROUTES ? ROUTES[name as RouteName] : { scopes: [] }
      const { scopes, closed } = access
      const wanted = scopes.length === 0 ? [] : KNOWN
      const here = closed === undefined && scopes.length > 0 ? [{}, ...KNOWN] : wanted
      assert.deepEqual(operationOf(required, name).security, wanted, name)
      assert.deepEqual(operationOf(open, name).security, here, name)
      assert.deepEqual(operationOf(open, name)['x-scopes'] ?? [], scopes, name)
    }
  })

  test('that are missing or too weak are refused where some are needed', () => {
    for (const [route, { responses, security }] of operations) {
      assert.equal('401' in responses, security.length > 0 || route.endsWith('/token'), route)
    }
  })
})

test('what makes something takes an Idempotency-Key, and nothing else does', () => {
  for (const [route, { parameters = [] }] of operations) {
    const access = ROUTES[route as RouteName] as { creates?: unknown } | undefined
    const takes = parameters.some(({ name }) => name === 'Idempotency-Key')
    assert.equal(takes, access?.creates !== undefined, route)
  }
})

test('the examples in it are what its schemas want', () => {
  let seen = 0
  for (const [route, { requestBody, responses }] of operations) {
    const bodies = [requestBody, ...Object.values(responses)]
    for (const content of bodies.flatMap((it) => Object.values(it?.content ?? {}))) {
      for (const { value } of Object.values(content.examples ?? {})) {
        seen++
        assert.deepEqual(violations(content.schema, value), [], route)
      }
    }
  }
  assert.ok(seen >= EXAMPLES.length * 2)
})

describe("the chunk API's document", () => {
  for (const { path, body, answer, without } of EXAMPLES) {
    const { requestBody, responses } = operationOf(open, `POST ${path}`)
    const schemaOf = (content: Contents | undefined) => content?.['application/json']?.schema ?? {}

    test(`has examples of ${path} that are what is promised`, () => {
      assert.deepEqual(violations(schemaOf(requestBody?.content), body), [])
      assert.deepEqual(violations(schemaOf(responses['200']?.content), answer), [])
    })

    test(`has an example of ${path} that lacks a field, and that is not what is taken`, () => {
      const rest = Object.entries(body).filter(([field]) => field !== without.field)
      assert.notDeepEqual(violations(schemaOf(requestBody?.content), Object.fromEntries(rest)), [])
    })
  }
})

test('two schemas that differ cannot have one name', () => {
  const schemas = new NamedSchemas()
  const one = Type.Object({ a: Type.String() }, { title: 'Thing' })
  assert.deepEqual(schemas.refer(one), { $ref: '#/components/schemas/Thing' })
  assert.deepEqual(schemas.refer(Type.Array(one)), {
    type: 'array',
    items: { $ref: '#/components/schemas/Thing' },
  })
  assert.deepEqual(schemas.all, { Thing: plain(one) })
  const other = Type.Object({ a: Type.Number() }, { title: 'Thing' })
  assert.throws(() => schemas.refer(other), /two schemas are called Thing/)
})
