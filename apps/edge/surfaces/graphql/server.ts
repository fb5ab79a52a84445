/**
 * The GraphQL server (graphql-yoga) behind our own door: who asks, how often and with how large a
 * body is looked at before.
 *
 * Invariants:
 * 1. A document is measured (`limits.ts`) before it is validated or run, and run for a bounded time.
 * 2. No page of any server is served from here, nor anything fetched from elsewhere.
 */
import { readFileSync } from 'node:fs'
import {
  parse,
  type DocumentNode,
  type GraphQLSchema,
  type ParseOptions,
  type Source,
} from 'graphql'
import {
  createSchema,
  createYoga,
  useExecutionCancellation,
  type Plugin,
  type YogaInitialContext,
} from 'graphql-yoga'
import type { Log } from '#runtime/log.ts'
import type { AskingContext } from './asking.ts'
import { functionFields } from './functions.ts'
import { jobFields } from './jobs.ts'
import { beyondLimits, LIMITS } from './limits.ts'
import { optimizationFields } from './optimizations.ts'
import { subscriptionFields } from './subscriptions.ts'
import { JsonValue, SafeInt } from './scalars.ts'

export type GraphqlServer = ReturnType<typeof createServer>

export function buildSchema() {
  return createSchema<AskingContext>({
    typeDefs: readFileSync(new URL('./schema.graphql', import.meta.url), 'utf8'),
    resolvers: [
      { SafeInt, JSON: JsonValue },
      functionFields,
      jobFields,
      optimizationFields,
      subscriptionFields,
    ],
  })
}

export function createServer(log: Log) {
  return createYoga<AskingContext>({
    schema: buildSchema(),
    plugins: [within(LIMITS), tellStale, useExecutionCancellation()],
    ...{ landingPage: false, graphiql: false, multipart: false, batching: false, cors: false },
    // Documents are small, and there may be as many as there are callers.
    parserAndValidationCache: false,
    maskedErrors: { errorMessage: 'Something went wrong on our side.' },
    logging: {
      debug: () => undefined,
      info: () => undefined,
      warn: (...words) => log.warn('graphql_warned', { words }),
      error: (error) => log.error('request_failed', { path: '/graphql', error }),
    },
  })
}

function within({ tokens: maxTokens }: typeof LIMITS): Plugin<AskingContext> {
  return {
    onParse: ({ setParseFn }) => {
      setParseFn((source, options) =>
        parse(source as string | Source, { ...(options as ParseOptions | undefined), maxTokens }),
      )
    },
    onValidate: ({ context, params, setResult }) => {
      const { schema, documentAST } = params as { schema: GraphQLSchema; documentAST: DocumentNode }
      const error = beyondLimits(schema, documentAST, variablesIn(context))
      if (error !== undefined) setResult([error])
    },
  }
}

/** Where the server keeps what it was asked with. */
const variablesIn = (context: object) =>
  'params' in context ? (context as YogaInitialContext).params.variables : undefined

const tellStale: Plugin<AskingContext> = {
  onExecute: ({ args: { contextValue } }) => ({
    onExecuteDone: ({ result, setResult }) => {
      const { asking } = contextValue
      if (!asking.stale || Symbol.asyncIterator in result) return
      setResult({ ...result, extensions: { ...result.extensions, stale: true } })
    },
  }),
}
