/** The scalars that GraphQL has not by itself. */
import { GraphQLError, GraphQLScalarType, Kind, type ASTNode } from 'graphql'

export const SafeInt = new GraphQLScalarType<number, number>({
  name: 'SafeInt',
  serialize: (value) => whole(value),
  parseValue: (value) => whole(value),
  parseLiteral: (node) => whole(node.kind === Kind.INT ? Number(node.value) : undefined, node),
})

/** Only ever told, never taken. */
export const JsonValue = new GraphQLScalarType({ name: 'JSON' })

function whole(value: unknown, nodes?: ASTNode): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new GraphQLError('It is no whole number within ±(2^53 - 1).', nodes && { nodes })
}
