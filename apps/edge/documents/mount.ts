/** The documents of the API: for programs, and as a page for people. Nobody is asked who they are. */
import { Problem } from '#domain/problem.ts'
import { VERSION } from '../version.ts'
import { Router, type RouterOptions } from '../http/exchange.ts'
import { operationsDialect } from '../surfaces/operations/dialect.ts'
import { asyncApi } from './asyncapi.ts'
import { readDocs } from './docs-page.ts'
import { answerKept, keep } from './kept.ts'
import { openApi, type OpenApiOptions } from './openapi.ts'

export type DocumentsOptions = Pick<OpenApiOptions, 'auth'>

export function mountDocuments(
  routing: Omit<RouterOptions, 'dialect'>,
  { auth }: DocumentsOptions,
): void {
  const router = new Router({ ...routing, dialect: operationsDialect })
  const document = keep(JSON.stringify(openApi({ auth, version: VERSION })), 'application/json')
  const subjects = keep(JSON.stringify(asyncApi({ version: VERSION })), 'application/json')
  const { page, files } = readDocs()

  router.on('GET /openapi.json', (exchange) => answerKept(exchange, document))
  router.on('GET /asyncapi.json', (exchange) => answerKept(exchange, subjects))
  router.on('GET /docs', (exchange) => answerKept(exchange, page))
  router.on('GET /docs/:file', (exchange) => {
    const file = files.get(exchange.param('file'))
    if (file === undefined) throw new Problem('NOT_FOUND', 'The page has no such file.')
    return answerKept(exchange, file)
  })
  router.close()
}
