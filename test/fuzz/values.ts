/** Values made of a JSON Schema: as it wants them, or now and then something else. */
import type { Random } from '#test/support/random.ts'
import { HOSTILE_VALUES } from './hostile.ts'
import type { Known } from './known.ts'

export type Schema = Readonly<Record<string, unknown>>

export interface Making {
  readonly random: Random
  readonly known: Known
  /** `components.schemas` of the document. */
  readonly schemas: Readonly<Record<string, Schema>>
  /** How likely each value is replaced by one that nobody expects: 0 to 1. */
  readonly hostility: number
}

const DEPTH_MAX = 8
const GOOD_SHARE = 0.6
const OPTIONAL_SHARE = 0.5
const STRAY_SHARE = 0.05
const LENGTH_MAX = 100_000
const LETTERS = [...'abcdefghijklmnopqrstuvwxyz-_09']

export function valueOf(schema: Schema, making: Making, name = '', depth = 0): unknown {
  const { random, known, hostility } = making
  if (random.next() < hostility) return random.pick(HOSTILE_VALUES)
  const good = known.goodFor(name)
  if (good !== undefined && random.next() < GOOD_SHARE) return good
  const reference = schema['$ref']
  if (typeof reference === 'string') {
    const named = making.schemas[reference.split('/').at(-1) ?? '']
    if (named === undefined) throw new Error(`${reference} is not in the document`)
    return valueOf(named, making, name, depth)
  }
  if ('const' in schema) return schema['const']
  const choices = schema['enum'] ?? schema['examples']
  if (Array.isArray(choices) && choices.length > 0) return random.pick(choices)
  const branches = schema['anyOf'] ?? schema['oneOf']
  if (Array.isArray(branches)) return valueOf(random.pick(branches) as Schema, making, name, depth)
  const all = schema['allOf']
  if (Array.isArray(all))
    return Object.assign({}, ...all.map((part) => valueOf(part as Schema, making, name, depth)))
  return ofType(schema, making, depth)
}

function ofType(schema: Schema, making: Making, depth: number): unknown {
  const { random } = making
  const types = [schema['type'] ?? 'any'].flat() as string[]
  switch (random.pick(types)) {
    case 'object':
      return objectOf(schema, making, depth)
    case 'array': {
      const items = (schema['items'] ?? {}) as Schema
      const least = Number(schema['minItems'] ?? 0)
      const count = depth > DEPTH_MAX ? least : least + random.below(4)
      return Array.from({ length: count }, () => valueOf(items, making, '', depth + 1))
    }
    case 'string':
      return textOf(schema, making)
    case 'integer':
      return Math.round(numberOf(schema, making))
    case 'number':
      return numberOf(schema, making)
    case 'boolean':
      return random.next() < 0.5
    case 'null':
      return null
    default:
      return random.pick<unknown>([{}, { n: 1 }, [1, 'two'], 'text', 3, null, true])
  }
}

function objectOf(schema: Schema, making: Making, depth: number): unknown {
  const { random, hostility } = making
  const properties = (schema['properties'] ?? {}) as Readonly<Record<string, Schema>>
  const required = new Set((schema['required'] ?? []) as readonly string[])
  const made: [string, unknown][] = []
  for (const [name, property] of Object.entries(properties)) {
    const isLeftOut = required.has(name)
      ? random.next() < hostility / 2
      : depth > DEPTH_MAX || random.next() > OPTIONAL_SHARE
    if (!isLeftOut) made.push([name, valueOf(property, making, name, depth + 1)])
  }
  if (random.next() < STRAY_SHARE && hostility > 0) made.push(['stray', random.below(9)])
  return Object.fromEntries(made)
}

function textOf(schema: Schema, { random, hostility }: Making): string {
  if (schema['format'] === 'date-time') return new Date(random.below(2 ** 31) * 1_000).toISOString()
  const least = Number(schema['minLength'] ?? 0)
  const most = Number(schema['maxLength'] ?? least + 40)
  // The bounds themselves, and what lies just beyond them, are where it is decided.
  const beyond = random.pick([Math.max(0, least - 1), Math.min(most + 1, LENGTH_MAX)])
  const within = random.pick([least, Math.min(most, least + 8), Math.min(most, least + 40)])
  const length = random.next() < hostility ? beyond : within
  return Array.from({ length }, () => random.pick(LETTERS)).join('')
}

function numberOf(schema: Schema, { random, hostility }: Making): number {
  const least = Number(schema['minimum'] ?? schema['exclusiveMinimum'] ?? 0)
  const most = Number(schema['maximum'] ?? schema['exclusiveMaximum'] ?? least + 1_000)
  if (random.next() < hostility) return random.pick([least - 1, most + 1])
  const within = least + random.next() * (most - least)
  return random.pick([least, most, within, within])
}
