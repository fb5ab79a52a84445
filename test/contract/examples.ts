/**
 * The examples of a document, held against the schemas of our own. Our answers have more fields than
 * the document's: those that an example does not have are taken from our operation's own example.
 */
import assert from 'node:assert/strict'
import { operationAt, violationIn } from '../support/api-document.ts'

export interface Example {
  readonly section: string
  readonly method: string
  /** With its parameters in braces. */
  readonly path: string
  /** Path parameters, a body, or the answer with this status. */
  readonly place: 'path' | 'body' | number
  readonly example: unknown
  /** What the document wraps around what its examples show. */
  readonly within?: (example: unknown) => unknown
  /** Why it cannot be: our schema refuses it. */
  readonly exception?: string
}

const JSON_TYPE = 'application/json'

interface Told {
  readonly schema: object
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>
}

/** Undefined: it validates. */
export function wrongIn({ method, path, place, example, within }: Example): string | undefined {
  const { parameters = [], requestBody, responses } = operationAt(method, path)
  if (place === 'path') {
    return Object.entries(example as object)
      .map(([name, value]) => {
        const found = parameters.find((one) => one.in === 'path' && one.name === name)
        return found === undefined ? `there is no ${name}` : violationIn(value, found.schema)
      })
      .find((wrong) => wrong !== undefined)
  }
  const content = place === 'body' ? requestBody?.content : responses[place]?.content
  const told = content?.[JSON_TYPE] as Told | undefined
  if (told === undefined) return `${method} ${path} has no such body`
  if (place === 'body') return violationIn(example, told.schema)
  const [ours] = Object.values(told.examples ?? {})
  const whole = within === undefined ? example : within(example)
  return violationIn(completed(whole, ours?.value), told.schema)
}

/** Asserts that it validates, or that it does not if it is said to be an exception. */
export function holds(one: Example): void {
  const wrong = wrongIn(one)
  if (one.exception === undefined) assert.equal(wrong, undefined)
  else assert.notEqual(wrong, undefined, `it is no exception: ${one.exception}`)
}

function completed(example: unknown, ours: unknown): unknown {
  if (Array.isArray(example)) {
    const like: unknown = Array.isArray(ours) ? ours[0] : undefined
    return example.map((one) => completed(one, like))
  }
  if (!isObject(example) || !isObject(ours)) return example
  const inner = Object.entries(example).map(([key, value]) => [key, completed(value, ours[key])])
  return { ...ours, ...Object.fromEntries(inner) } as unknown
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
