/**
 * Schemas as the document shows them: what has a name is written once, and referred to elsewhere.
 *
 * A name is a `title` in PascalCase: unlike an `$id` it changes nothing of what a validator does, and
 * it survives `Type.Optional`, which makes a copy.
 */
import { isDeepStrictEqual } from 'node:util'
import type { TSchema } from 'typebox'

const NAME = /^[A-Z][A-Za-z0-9]*$/

export type JsonSchema = Readonly<Record<string, unknown>>

export class NamedSchemas {
  readonly #named = new Map<string, { readonly source: unknown; shown: unknown }>()

  /** Throws if another schema has the same name. */
  refer(schema: TSchema): JsonSchema {
    return this.#refer(JSON.parse(JSON.stringify(schema))) as JsonSchema
  }

  /** Sorted, so that the document does not depend on the order of routes. */
  get all(): Readonly<Record<string, unknown>> {
    const entries = [...this.#named].map(([name, { shown }]) => [name, shown] as const)
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  #refer(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((one) => this.#refer(one))
    if (typeof value !== 'object' || value === null) return value
    const title = 'title' in value && typeof value.title === 'string' ? value.title : ''
    if (!NAME.test(title)) return this.#within(value)
    const known = this.#named.get(title)
    if (known === undefined) {
      const entry = { source: value, shown: undefined as unknown }
      this.#named.set(title, entry)
      entry.shown = this.#within(value)
    } else if (!isDeepStrictEqual(known.source, value)) {
      throw new Error(`two schemas are called ${title}`)
    }
    return { $ref: `#/components/schemas/${title}` }
  }

  #within(value: object): object {
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, this.#refer(inner)]),
    )
  }
}
