/**
 * The functions API, part 1: definitions, their versions and metrics.
 * Source: sections 1.1 to 1.6 of its document.
 */
import { functionNotFound } from '#domain/function.ts'
import { excerpt, Problem } from '#domain/problem.ts'
import {
  FunctionChanges,
  FunctionInput,
  type DeleteFunction,
  type NullableChanges,
  type RegisterFunction,
  type UpdateFunction,
} from '#events/functions.ts'
import type { Ids } from '#events/jetstream/ids.ts'
import { functionMetrics } from '#projections/function-metrics.ts'
import { findVersion, listVersions } from '#projections/function-versions.ts'
import { findFunction, listFunctions } from '#projections/functions.ts'
import { requireExecute, type Principal } from '../../access/principal.ts'
import type { Definitions } from '../../knowledge/definitions.ts'
import type { SendFunctionCommand } from '../../function-commands.ts'
import { readJson } from '../../http/body.ts'
import type { Exchange, Router } from '../../http/exchange.ts'
import { requireUsable } from '../../http/event-schema.ts'
import { validator } from '../../http/validate.ts'
import type { Found, Queries } from '../../queries.ts'
import { success } from './dialect.ts'
import type {
  FunctionChanged,
  FunctionList,
  FunctionView,
  MetricsView,
  VersionList,
} from './schemas.ts'
import { requireUsableSchedule } from './schedules.ts'
import { functionView, metricsView, versionView } from './views.ts'

const REQUIRED = ['name', 'runtime', 'code', 'execution_type']
const validInput = validator<FunctionInput>(FunctionInput)
const validChanges = validator<FunctionChanges>(FunctionChanges)
const OPTIONAL = Object.keys(FunctionInput.properties).filter((key) => !REQUIRED.includes(key))

export interface FunctionRoutesOptions {
  readonly send: SendFunctionCommand
  readonly queries: Queries
  readonly definitions: Definitions
  readonly functionIds: Ids
}

export function functionRoutes(router: Router, options: FunctionRoutesOptions): void {
  const { send, queries, definitions, functionIds } = options

  router.on('GET /functions', async ({ principal: { owner } }) => {
    const { value, fresh } = await queries.ask((db) => listFunctions(db, owner))
    return success<FunctionList>(200, { functions: value.map(functionView) }, staleness(fresh))
  })

  router.on('POST /functions', async (exchange) => {
    const { cause, effect, principal } = exchange
    const { owner } = principal
    const body = await readJson(exchange)
    const definition = validInput(withoutNulls(body, OPTIONAL))
    requireCompilable(definition)
    requireUsableSchedule(definition)
    requireMayRun(principal, definition)
    const function_id = await effect.newId(functionIds)
    const isThere =
      effect.before !== undefined &&
      (await queries.find((db) => findFunction(db, owner, function_id))) !== undefined
    if (!isThere) {
      const data = { function_id, owner, definition }
      await send<RegisterFunction>('function.register', data, cause)
    }
    const location = `/functions/${function_id}`
    return success<FunctionChanged>(201, { function_id, version: 1 }, { location })
  })

  router.on('GET /functions/:function_id', async (exchange) => {
    const { owner } = exchange.principal
    const id = idOf(exchange, 'function_id')
    const { value, fresh } = await queries.require(
      async (db) => {
        const found = await findFunction(db, owner, id)
        return found?.deleted_at === null ? found : undefined
      },
      () => functionNotFound(id),
    )
    return success<FunctionView>(200, functionView(value), staleness(fresh))
  })

  router.on('PUT /functions/:function_id', async (exchange) => {
    const { owner } = exchange.principal
    const function_id = idOf(exchange, 'function_id')
    const body = await readJson(exchange)
    const given = validChanges(withoutNulls(body, [...REQUIRED, ...OPTIONAL]))
    requireCompilable(given)
    const changes = body as NullableChanges
    const { definition } = definitions.get(function_id, owner)
    const changed = { ...definition, ...changes, runtime: changes.runtime ?? definition.runtime }
    if ('schedule' in changes || 'schema' in changes) requireUsableSchedule(changed)
    requireMayRun(exchange.principal, changed)
    const data = { function_id, owner, changes }
    const updated = await send<UpdateFunction>('function.update', data, exchange.cause)
    if (updated === undefined) throw functionNotFound(function_id)
    return success<FunctionChanged>(200, { function_id, version: updated.version })
  })

  router.on('DELETE /functions/:function_id', async (exchange) => {
    const { owner } = exchange.principal
    const function_id = idOf(exchange, 'function_id')
    await send<DeleteFunction>('function.delete', { function_id, owner }, exchange.cause)
    return { status: 204 }
  })

  router.on('GET /functions/:function_id/versions', async (exchange) => {
    const { owner } = exchange.principal
    const id = idOf(exchange, 'function_id')
    const { value, fresh } = await queries.require(
      async (db) => {
        const versions = await listVersions(db, owner, id)
        return versions.length === 0 ? undefined : versions
      },
      () => functionNotFound(id),
    )
    return success<VersionList>(200, { versions: value.map(versionView) }, staleness(fresh))
  })

  router.on('GET /functions/:function_id/versions/:version', async (exchange) => {
    const { owner } = exchange.principal
    const id = idOf(exchange, 'function_id')
    const version = idOf(exchange, 'version')
    const { value, fresh } = await queries.require(
      (db) => findVersion(db, owner, id, version),
      () =>
        new Problem('NOT_FOUND', `There is no version ${version} of function ${id}.`, {
          field: 'version',
        }),
    )
    return success<FunctionView>(200, versionView(value), staleness(fresh))
  })

  router.on('GET /functions/:function_id/metrics', async (exchange) => {
    const { owner } = exchange.principal
    const id = idOf(exchange, 'function_id')
    // A deleted function's metrics stay readable.
    const { value, fresh } = await queries.require(
      async (db) => {
        const known = await findFunction(db, owner, id)
        return known && functionMetrics(db, owner, id)
      },
      () => functionNotFound(id),
    )
    return success<MetricsView>(200, metricsView(value), staleness(fresh))
  })
}

/** An id in the path: a whole number from 1. */
export function idOf({ param }: Exchange, name: string): number {
  const text = param(name)
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : NaN
  if (Number.isSafeInteger(id)) return id
  throw new Problem('INVALID_REQUEST', `${name} must be a whole number from 1.`, {
    field: name,
    given: excerpt(text),
  })
}

export function staleness(fresh: Found<unknown>['fresh']): Record<string, string> {
  return fresh ? {} : { 'sluice-stale': 'true' }
}

/** Whatever has a schedule runs by itself: nobody decides so, or what it is, who may not run it. */
function requireMayRun(
  principal: Principal,
  { schedule, runtime }: Pick<NullableChanges, 'schedule'> & Pick<FunctionInput, 'runtime'>,
): void {
  if (schedule !== undefined && schedule !== null) requireExecute(principal, runtime)
}

/** What the schema of the body cannot say. */
function requireCompilable({ code, schema, env = {} }: FunctionChanges): void {
  if (code !== undefined && !isPlainText(code)) {
    const message = 'code must not contain U+0000 or half a surrogate pair.'
    throw new Problem('CODE_INVALID', message, { field: 'code' })
  }
  for (const [name, value] of Object.entries(env)) {
    if (isPlainText(value)) continue
    const message = `env.${name} must not contain U+0000 or half a surrogate pair.`
    throw new Problem('INVALID_REQUEST', message, { field: `env.${name}` })
  }
  if (schema?.params !== undefined) requireUsable(schema.params, 'schema.params')
  if (schema?.result !== undefined) requireUsable(schema.result, 'schema.result')
}

/** Text that every interpreter and every environment can hold. */
const isPlainText = (text: string) => !text.includes('\u0000') && text.isWellFormed()

/** Null in a field that may be left out means that it is left out. */
function withoutNulls(body: unknown, fields: readonly string[]): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body
  return Object.fromEntries(
    Object.entries(body).filter(([key, value]) => value !== null || !fields.includes(key)),
  )
}
