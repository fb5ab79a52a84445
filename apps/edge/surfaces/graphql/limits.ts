/**
 * What one GraphQL document may ask for, measured before it is validated or run: an answer can be far
 * larger than its question, and some rules of validation compare each field with each other.
 *
 * Invariants:
 * 1. A cost is a bound of the answer: each value costs 1, within a page as often as the page is long;
 *    each query of the read models costs `QUERY_COST`, where it is not shared by all of a list.
 * 2. The walk itself is bounded: it stops at the first limit that is passed, so that fragments that
 *    name fragments cannot grow, and it takes any document that parses, valid or not.
 * 3. Every operation of a document is measured, also those that are not run: all are validated.
 */
import {
  GraphQLError,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  type ASTNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import { FIRST_MAX } from './pages.ts'

export const LIMITS = {
  /** Of the document's text. */
  tokens: 2_000,
  /** Fields inside one another; introspection has its own bound, by graphql itself. */
  depth: 8,
  aliases: 30,
  /** With those of fragments, each time that they are spread. */
  fields: 500,
  cost: 20_000,
} as const

export const QUERY_COST = 1_000

/** Fields that ask the read models, once for a list of them or for each one. */
const ASKS: Readonly<Record<string, 'together' | 'each'>> = {
  'Function.metrics': 'together',
  'Function.jobs': 'each',
  'Job.function': 'together',
  'Job.input': 'each',
  'Job.logs': 'each',
  'Subscription.job': 'each',
}

/** How many there are of a list of the schema's own, about. */
const INTROSPECTED: Readonly<Record<string, number>> = {
  types: 40,
  fields: 5,
  args: 1,
  enumValues: 2,
  inputFields: 1,
  interfaces: 1,
  possibleTypes: 1,
  directives: 5,
}

export type Variables = Readonly<Record<string, unknown>>

/** The first limit that the document passes. */
export function beyondLimits(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Variables = {},
): GraphQLError | undefined {
  const measure = new Measure(schema, document, variables)
  try {
    for (const definition of document.definitions) {
      if (definition.kind === Kind.OPERATION_DEFINITION) measure.operation(definition)
    }
    return undefined
  } catch (error) {
    if (error instanceof GraphQLError) return error
    throw error
  }
}

type Field = GraphQLField<unknown, unknown>

const META_FIELDS: Readonly<Record<string, Field>> = {
  __schema: SchemaMetaFieldDef,
  __type: TypeMetaFieldDef,
}

interface Place {
  readonly type: GraphQLNamedType | undefined
  readonly depth: number
  /** How many of it there may be. */
  readonly times: number
  /** Fragments that it is within. */
  readonly within: readonly string[]
}

class Measure {
  readonly #schema: GraphQLSchema
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly #given: Variables
  #variables: Variables = {}
  #fields = 0
  #aliases = 0
  #cost = 0

  constructor(schema: GraphQLSchema, { definitions }: DocumentNode, given: Variables) {
    this.#schema = schema
    this.#given = given
    const fragments = definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION)
    this.#fragments = new Map(fragments.map((node) => [node.name.value, node]))
  }

  operation({ operation, selectionSet, variableDefinitions = [] }: OperationDefinitionNode): void {
    const defaults = variableDefinitions.map(({ variable, defaultValue }) => [
      variable.name.value,
      defaultValue?.kind === Kind.INT ? Number(defaultValue.value) : undefined,
    ])
    this.#variables = { ...(Object.fromEntries(defaults) as Variables), ...this.#given }
    const type = this.#schema.getRootType(operation) ?? undefined
    this.#selections(selectionSet, { type, depth: 0, times: 1, within: [] })
  }

  #selections({ selections }: SelectionSetNode, place: Place): void {
    for (const node of selections) {
      switch (node.kind) {
        case Kind.FIELD:
          this.#field(node, place)
          break
        case Kind.INLINE_FRAGMENT: {
          const type = this.#typeNamed(node.typeCondition?.name.value) ?? place.type
          this.#selections(node.selectionSet, { ...place, type })
          break
        }
        case Kind.FRAGMENT_SPREAD: {
          const name = node.name.value
          const fragment = this.#fragments.get(name)
          // One that does not exist, or contains itself, is what validation is about to refuse.
          if (fragment === undefined || place.within.includes(name)) break
          const type = this.#typeNamed(fragment.typeCondition.name.value)
          this.#count('fields', node, ++this.#fields)
          this.#selections(fragment.selectionSet, {
            ...{ ...place, type, within: [...place.within, name] },
          })
        }
      }
    }
  }

  #field(node: FieldNode, { type, depth, times, within }: Place): void {
    const name = node.name.value
    const field = this.#fieldOf(type, name)
    const isIntrospected = type?.name.startsWith('__') === true
    const deeper = depth + (isIntrospected ? 0 : 1)
    this.#count('fields', node, ++this.#fields)
    this.#count('depth', node, deeper)
    if (node.alias !== undefined) this.#count('aliases', node, ++this.#aliases)
    const queries = this.#queries(type, name, times)
    this.#count('cost', node, (this.#cost += times + queries * QUERY_COST))
    if (node.selectionSet === undefined) return
    const length = isIntrospected ? (INTROSPECTED[name] ?? 1) : this.#pageLength(node, field)
    this.#selections(node.selectionSet, {
      ...{ type: field && getNamedType(field.type), within },
      ...{ depth: deeper, times: times * length },
    })
  }

  #fieldOf(type: GraphQLNamedType | undefined, name: string): Field | undefined {
    if (type === this.#schema.getQueryType() && name in META_FIELDS) return META_FIELDS[name]
    return isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined
  }

  #queries(type: GraphQLNamedType | undefined, name: string, times: number): number {
    if (type === undefined) return 0
    if (type === this.#schema.getQueryType()) return name.startsWith('__') ? 0 : 1
    const asks = ASKS[`${type.name}.${name}`]
    return asks === undefined ? 0 : asks === 'each' ? times : 1
  }

  /** What is no page length will be refused, or cut, before it is used. */
  #pageLength(node: FieldNode, field: Field | undefined): number {
    const arg = field?.args.find(({ name }) => name === 'first' || name === 'per_page')
    if (arg === undefined) return 1
    const value = node.arguments?.find(({ name }) => name.value === arg.name)?.value
    const asked =
      value?.kind === Kind.INT
        ? Number(value.value)
        : value?.kind === Kind.VARIABLE
          ? this.#variables[value.name.value]
          : undefined
    const length = asked ?? arg.defaultValue
    return typeof length === 'number' && length >= 1 ? Math.min(length, FIRST_MAX) : FIRST_MAX
  }

  #typeNamed(name: string | undefined): GraphQLNamedType | undefined {
    return name === undefined ? undefined : this.#schema.getType(name)
  }

  #count(limit: Measured, node: ASTNode, value: number): void {
    if (value > LIMITS[limit]) throw beyond(limit, node)
  }
}

const SAID = {
  depth: 'nests deeper than',
  aliases: 'has more aliases than',
  fields: 'selects more fields than',
  cost: 'costs more than',
} as const
type Measured = keyof typeof SAID

function beyond(limit: Measured, node: ASTNode): GraphQLError {
  const max = LIMITS[limit]
  return new GraphQLError(`The document ${SAID[limit]} ${max}.`, {
    nodes: node,
    extensions: { code: 'INVALID_REQUEST', details: { limit, max }, http: { status: 400 } },
  })
}
