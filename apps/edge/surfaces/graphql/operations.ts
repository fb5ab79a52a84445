/** The one route of GraphQL, told. What can be asked there is told by the schema itself. */
import Type from 'typebox'
import type { RouteName } from '../../access/routes.ts'
import type { Content, Operation } from '../../documents/operation.ts'
import { operationsDialect } from '../operations/dialect.ts'

const Members = Type.Record(Type.String(), Type.Unknown())
const Nullable = Type.Union([Members, Type.Null()])

const GraphqlRequest = Type.Object(
  {
    query: Type.String({ description: 'The document: at most 2,000 tokens.' }),
    operationName: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    variables: Type.Optional(Nullable),
    extensions: Type.Optional(Nullable),
  },
  { title: 'GraphqlRequest', additionalProperties: false },
)

const GraphqlResponse = Type.Object(
  {
    data: Type.Optional(Nullable),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          message: Type.String(),
          locations: Type.Optional(
            Type.Array(Type.Object({ line: Type.Integer(), column: Type.Integer() })),
          ),
          path: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Integer()]))),
          extensions: Type.Optional(Members),
        }),
      ),
    ),
    extensions: Type.Optional(
      Type.Object({
        stale: Type.Optional(
          Type.Literal(true, { description: 'The answer may lack what was written last.' }),
        ),
      }),
    ),
  },
  { title: 'GraphqlResponse' },
)

const RESPONSE: Content = {
  schema: GraphqlResponse,
  contentType: 'application/graphql-response+json',
  examples: {
    example: { data: { function: { name: 'myFunction', jobs: { jobs: [{ id: 1 }] } } } },
  },
}

export const graphqlOperations = {
  'POST /graphql': {
    ...{ tag: 'graphql', summary: 'Ask the read models, or follow what happens' },
    description:
      'GraphQL over HTTP: one operation, no batches. Introspection tells the schema. A subscription ' +
      'is answered as `text/event-stream`. Each field needs the scope of the REST route that shows ' +
      'the same.',
    body: {
      schema: GraphqlRequest,
      examples: {
        example: {
          query:
            'query ($id: SafeInt!) { function(id: $id) { name jobs(first: 1) { jobs { id } } } }',
          variables: { id: 1 },
        },
      },
    },
    answers: {
      200: {
        description: 'What was asked for, and what went wrong with its fields.',
        content: [
          RESPONSE,
          { schema: GraphqlResponse },
          { schema: Type.String(), contentType: 'text/event-stream' },
        ],
      },
      400: {
        description: 'The document is refused, or the body is none.',
        content: [RESPONSE, { schema: GraphqlResponse }, operationsDialect.refusal],
      },
    },
    refuses: { 504: 'It was not done in time.' },
  },
} as const satisfies Partial<Record<RouteName, Operation>>
