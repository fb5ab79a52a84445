/**
 * What the document of the API says of an answer, and what the answer does not keep of it.
 *
 * Invariants:
 * 1. The document is the one that `/openapi.json` gives, made here by the same function.
 * 2. A field or a header of ours that the document does not name is as wrong as one that is missing:
 *    objects are closed here unless the document opens them.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { openApi } from '../../apps/edge/documents/openapi.ts'

export interface Answered {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly headers: Headers
  /** Undefined: it is not looked at. */
  readonly body?: string | undefined
}

interface Content {
  readonly schema: object
}

interface HeaderTold {
  readonly $ref?: string
  readonly required?: boolean
  readonly schema: { readonly type?: string }
}

interface Response {
  readonly headers?: Readonly<Record<string, HeaderTold>>
  readonly content?: Readonly<Record<string, Content>>
}

export interface OperationTold {
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly schema: object
  }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> }
  readonly responses: Readonly<Record<string, Response>>
}

type Paths = Readonly<Record<string, Readonly<Record<string, OperationTold>>>>

/** Where nobody wants credentials, more can be refused: what is said there holds everywhere. */
const told = openApi({ auth: 'open', version: '0' })
const paths = told.paths as unknown as Paths
const headersTold = told.components.headers as unknown as Readonly<Record<string, HeaderTold>>

const DOCUMENT = 'openapi'
/** As we write times. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

const ajv = new Ajv2020({
  strict: false,
  unicodeRegExp: true,
  formats: { 'date-time': TIME, uuid: UUID, uri: (text: string) => URL.canParse(text) },
})
ajv.addSchema({ $id: DOCUMENT, components: { schemas: closed(told.components.schemas) } })

/** Those of HTTP itself, of browsers and of proxies. */
const NOT_OURS = new RegExp(
  [
    '^access-control-|^content-(?:length|security-policy|type)$|^x-(?:accel-buffering|content-type-options)$',
    '^(?:cache-control|connection|date|keep-alive|referrer-policy|transfer-encoding|upgrade|vary)$',
  ].join('|'),
)

const routes = Object.entries(paths)
  .map(([template, operations]) => ({
    pattern: new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
    operations,
    parameters: template.split('{').length,
  }))
  // A word of a path before what stands for any word.
  .sort((a, b) => a.parameters - b.parameters)

/** `template` is the document's, such as `/jobs/{id}`. */
export function operationAt(method: string, template: string): OperationTold {
  const operation = paths[template]?.[method.toLowerCase()]
  if (operation === undefined) throw new Error(`${method} ${template} is not documented`)
  return operation
}

/** Undefined: there is no such route. HEAD is answered as GET is. */
function operationFor(method: string, path: string): OperationTold | undefined {
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase()
  const matching = routes.filter(({ pattern }) => pattern.test(path))
  return matching.find(({ operations }) => verb in operations)?.operations[verb]
}

/** Undefined: the answer is as documented, or of no route that is. */
export function violationOf(answered: Answered): string | undefined {
  const { method, path, status, headers, body } = answered
  const operation = operationFor(method, path)
  if (operation === undefined) return undefined
  const response = operation.responses[status]
  const wrong =
    response === undefined
      ? `the status is not documented: ${body?.slice(0, 500) ?? ''}`
      : (wrongHeader(headers, response) ?? wrongContent(answered, response))
  return wrong && `${method} ${path} answered ${status}: ${wrong}`
}

function wrongHeader(headers: Headers, { headers: documented = {} }: Response): string | undefined {
  for (const [name, header] of Object.entries(documented)) {
    const { required = false, schema } = resolved(header)
    const value = headers.get(name)
    if (value === null && required) return `the header ${name} is missing`
    const violation = value === null ? undefined : violationIn(typed(value, schema), schema)
    if (violation !== undefined) return `the header ${name} is ${value}: ${violation}`
  }
  const names = new Set(Object.keys(documented).map((name) => name.toLowerCase()))
  const unknown = [...headers.keys()].find((name) => !NOT_OURS.test(name) && !names.has(name))
  return unknown && `the header ${unknown} is not documented`
}

const resolved = (header: HeaderTold) =>
  (header.$ref && headersTold[header.$ref.split('/').at(-1) ?? '']) || header

function typed(text: string, { type }: HeaderTold['schema']): string | number {
  return type === 'integer' || type === 'number' ? Number(text) : text
}

function wrongContent({ method, headers, body }: Answered, { content }: Response) {
  if (method === 'HEAD' || body === undefined) return undefined
  if (content === undefined) return body === '' ? undefined : `there is a body: ${body}`
  const given = (headers.get('content-type') ?? '').toLowerCase()
  const plain = given.split(';', 1)[0] ?? ''
  const told = content[given] ?? content[plain]
  if (told === undefined) return `the content type ${given} is not documented`
  if (!/\bjson$/.test(plain)) return undefined
  const violation = violationIn(JSON.parse(body), told.schema)
  return violation && `${violation} in ${body.slice(0, 1_000)}`
}

const validators = new WeakMap<object, ValidateFunction>()

/** Against a schema of the document: where the value is wrong, and by which part of the schema. */
export function violationIn(value: unknown, schema: object): string | undefined {
  let validate = validators.get(schema)
  if (validate === undefined) {
    validate = ajv.compile(closed(schema))
    validators.set(schema, validate)
  }
  if (validate(value)) return undefined
  const [error] = validate.errors ?? []
  const { instancePath = '', schemaPath = '', message = '', params = {} } = error ?? {}
  return `${instancePath || '/'} ${message} ${JSON.stringify(params)} (${schemaPath})`
}

function closed<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map((one: unknown) => closed(one)) as T
  if (typeof schema !== 'object' || schema === null) return schema
  const entries = Object.entries(schema).map(([key, value]: [string, unknown]) => [
    key,
    key === '$ref' ? `${DOCUMENT}${String(value)}` : closed(value),
  ])
  const shown = Object.fromEntries(entries) as Record<string, unknown>
  const isOpen = 'additionalProperties' in shown || 'patternProperties' in shown
  const isClosed = shown['type'] === 'object' && 'properties' in shown && !isOpen
  return (isClosed ? { ...shown, additionalProperties: false } : shown) as T
}
