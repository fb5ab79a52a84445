/**
 * The GraphQL server (graphql-yoga) behind our own door: who asks, how often and with how large a
 * body is looked at before.
 *
 * Invariants:
 * 1. A document is measured (`limits.ts`) before it is validated or run, and run for a bounded time.
 * 2. An answer is measured (`size.ts`) before it is written down.
 * 3. No page of any server is served from here, nor anything fetched from elsewhere.
 */
import { readFileSync } from 'node:fs'
import {
  GraphQLError,
  parse,
  type ASTVisitor,
  type DocumentNode,
  type ExecutionResult,
  type GraphQLSchema,
  type ParseOptions,
  type Source,
  type ValidationContext,
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
import { ANSWER_BYTES_MAX, isLargerThan } from './size.ts'
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
    plugins: [within(LIMITS), finish, coded, useExecutionCancellation()],
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
    onValidate: ({ context, params, setResult, addValidationRule }) => {
      addValidationRule(knownOperations)
      const { schema, documentAST } = params as { schema: GraphQLSchema; documentAST: DocumentNode }
      const error = beyondLimits(schema, documentAST, variablesIn(context))
      if (error !== undefined) setResult([error])
    },
  }
}

/** graphql itself validates nothing within an operation that the schema has no type for, and runs it. */
const knownOperations = (context: ValidationContext): ASTVisitor => ({
  OperationDefinition(node) {
    const { operation } = node
    if (context.getSchema().getRootType(operation)) return
    context.reportError(new GraphQLError(`There is no ${operation} here.`, { nodes: node }))
  },
})

/** Where the server keeps what it was asked with. */
const variablesIn = (context: object) =>
  'params' in context ? (context as YogaInitialContext).params.variables : undefined

const finish: Plugin<AskingContext> = {
  onExecute: ({ args: { contextValue } }) => ({
    onExecuteDone: ({ result, setResult }) => {
      const { asking } = contextValue
      if (Symbol.asyncIterator in result) return
      if (isLargerThan(ANSWER_BYTES_MAX, result.data)) return setResult({ errors: [tooLarge()] })
      if (!asking.stale) return
      setResult({ ...result, extensions: { ...result.extensions, stale: true } })
    },
  }),
}

/** What graphql itself refuses when it is about to run an operation, such as its variables, has no code. */
const coded: Plugin<AskingContext> = {
  onResultProcess: (processing) => {
    const { result } = processing
    if (Array.isArray(result) || Symbol.asyncIterator in result) return
    const { errors, data } = result as ExecutionResult
    if (data !== undefined || errors === undefined) return
    processing.setResult({ ...result, errors: errors.map(withCode) })
  },
}

function withCode(error: GraphQLError): GraphQLError {
  if (error.extensions['code'] !== undefined) return error
  return new GraphQLError(error.message, {
    ...{ nodes: error.nodes ?? null, originalError: error },
    extensions: { ...error.extensions, code: 'BAD_USER_INPUT' },
  })
}

function tooLarge(): GraphQLError {
  const max = ANSWER_BYTES_MAX
  return new GraphQLError(`The answer is larger than ${max} bytes: ask for less at once.`, {
    extensions: {
      ...{ code: 'INVALID_REQUEST', details: { limit: 'bytes', max } },
      http: { status: 400 },
    },
  })
}
