/**
 * The chunk API, part 3: what was suggested, and what became of it.
 * Source: the data model, paging, sorting and filters of its document.
 */
import { randomUUID } from 'node:crypto'
import { excerpt, Problem } from '#domain/problem.ts'
import { chunkMessageId, type SettleOptimization } from '#events/analyses.ts'
import {
  findOptimization,
  pageOfOptimizations,
  type OptimizationOrder,
  type OptimizationRow,
  type PageOfOptimizations,
} from '#projections/optimization-queries.ts'
import type { SendCommand } from '../../commands.ts'
import { readJson } from '../../http/body.ts'
import type { Exchange, Router } from '../../http/exchange.ts'
import { requireKnown } from '../../http/query.ts'
import type { Found, Queries } from '../../queries.ts'
import { staleness } from '../functions/functions.ts'
import type { OptimizationPage, StoredOptimization } from './answers.ts'
import { filterIn, LISTING_QUERY, orderIn } from './listing.ts'
import { chunkValidator, SettleInput, type Validate } from '../../chunks/valid.ts'

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i
const PARAMETERS = Object.keys(LISTING_QUERY)
const validSettlement: Validate<SettleInput> = chunkValidator(SettleInput)

export interface OptimizationRoutesOptions {
  readonly send: SendCommand
  readonly queries: Queries
}

export function optimizationRoutes(
  router: Router,
  { send, queries }: OptimizationRoutesOptions,
): void {
  router.on('GET /api/v1/optimizations', async (exchange) => {
    requireKnown(exchange, PARAMETERS)
    const { owner } = exchange.principal
    const order = orderIn(exchange)
    const filter = filterIn(exchange)
    const { value, fresh } = await queries.ask((db) =>
      pageOfOptimizations(db, owner, filter, order),
    )
    const body = optimizationsView(value, order)
    return { status: 200, body: JSON.stringify(body), headers: staleness(fresh) }
  })

  router.on('GET /api/v1/optimizations/:id', async (exchange) => {
    requireKnown(exchange, [])
    const { value, fresh } = await found(exchange)
    return { status: 200, body: JSON.stringify(optimizationView(value)), headers: staleness(fresh) }
  })

  router.on('PATCH /api/v1/optimizations/:id', async (exchange) => {
    const { owner } = exchange.principal
    const { status } = validSettlement(await readJson(exchange))
    const { id: optimization_id } = (await found(exchange)).value
    const type: SettleOptimization['type'] = 'optimization.settle'
    const id = chunkMessageId.command(type, randomUUID())
    const data = { optimization_id, owner, status }
    await send({ type, id, subject: optimization_id, data }, exchange.cause)
    const { value, fresh } = await found(exchange)
    return { status: 200, body: JSON.stringify(optimizationView(value)), headers: staleness(fresh) }
  })

  function found({ param, principal: { owner } }: Exchange): Promise<Found<OptimizationRow>> {
    const { id, missing } = optimizationIn(param('id'))
    return queries.require((db) => findOptimization(db, owner, id), missing)
  }
}

/** What is no id at all is as unknown as one that is nobody's. */
export function optimizationIn(given: string) {
  const id = given.toLowerCase()
  const missing = () => notFound(given)
  if (!UUID.test(id)) throw missing()
  return { id, missing }
}

function notFound(id: string): Problem {
  const details = { field: 'id', constraint: 'exists' }
  return new Problem('NOT_FOUND', `There is no optimization ${excerpt(id)}`, details)
}

export function optimizationsView(
  { rows, total }: PageOfOptimizations,
  { page, perPage: per_page }: OptimizationOrder,
): OptimizationPage {
  const total_pages = Math.ceil(total / per_page)
  return { data: rows.map(optimizationView), pagination: { page, per_page, total, total_pages } }
}

export function optimizationView(row: OptimizationRow): StoredOptimization {
  const { id, kind, name, finding, overall_score, metrics, created_at, status } = row
  const { related_total, plan, ...told } = finding
  return {
    ...{ id, ...told, created_at, status, overall_score },
    ...(metrics !== null && { metrics }),
    ...(related_total !== undefined && { related_total }),
    ...(plan !== undefined && { plan }),
    ...(kind !== 'chunk' && { [`${kind}_id`]: name }),
  }
}
