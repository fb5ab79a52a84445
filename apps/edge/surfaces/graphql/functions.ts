/** Fields of functions, their versions and metrics. */
import { functionNotFound } from '#domain/function.ts'
import { functionMetrics, metricsOfFunctions } from '#projections/function-metrics.ts'
import { findFunction, findFunctions, pageOfFunctions } from '#projections/functions.ts'
import { pageOfVersions } from '#projections/function-versions.ts'
import { functionView, metricsView, versionView } from '../functions/views.ts'
import { as, type Load } from './asking.ts'
import { cursor, pageIn, type PageArgs } from './pages.ts'

interface OfFunction {
  readonly function_id: number
}
interface Id {
  readonly id: number
}

export const functionFields = {
  Query: {
    functions: as<unknown, PageArgs>('GET /functions', async (_, args, asking) => {
      const page = pageIn(args)
      const { functions, has_more } = await asking.ask((db, owner) =>
        pageOfFunctions(db, owner, page),
      )
      return { functions: functions.map(functionView), ...cursor(functions.at(-1)?.id, has_more) }
    }),

    function: as<unknown, Id>('GET /functions/:function_id', async (_, { id }, asking) => {
      const row = await asking.require(
        async (db, owner) => {
          const found = await findFunction(db, owner, id)
          return found?.deleted_at === null ? found : undefined
        },
        () => functionNotFound(id),
      )
      return functionView(row)
    }),

    versions: as<unknown, OfFunction & PageArgs>(
      'GET /functions/:function_id/versions',
      async (_, { function_id, ...args }, asking) => {
        const page = pageIn(args)
        const { versions, has_more } = await asking.require(
          async (db, owner) => {
            const known = await findFunction(db, owner, function_id)
            return known && pageOfVersions(db, owner, function_id, page)
          },
          () => functionNotFound(function_id),
        )
        const last = versions.at(-1)?.version
        return { versions: versions.map(versionView), ...cursor(last, has_more) }
      },
    ),

    function_metrics: as<unknown, OfFunction>(
      'GET /functions/:function_id/metrics',
      async (_, { function_id }, asking) => {
        const metrics = await asking.require(
          async (db, owner) => {
            const known = await findFunction(db, owner, function_id)
            return known && functionMetrics(db, owner, function_id)
          },
          () => functionNotFound(function_id),
        )
        return metricsView(metrics)
      },
    ),
  },

  Function: {
    metrics: as<Id, unknown>('GET /functions/:function_id/metrics', async ({ id }, _, asking) =>
      asking.together(metricsViews, id),
    ),
  },

  Job: {
    function: as<OfFunction, unknown>(
      'GET /functions/:function_id',
      async ({ function_id }, _, asking) => asking.together(functionViews, function_id),
    ),
  },
}

const metricsViews: Load<number, ReturnType<typeof metricsView>> = async (db, owner, ids) => {
  const found = await metricsOfFunctions(db, owner, ids)
  return new Map([...found].map(([id, metrics]) => [id, metricsView(metrics)]))
}

const functionViews: Load<number, ReturnType<typeof functionView>> = async (db, owner, ids) => {
  const rows = await findFunctions(db, owner, ids)
  const existing = rows.filter(({ deleted_at }) => deleted_at === null)
  return new Map(existing.map((row) => [row.id, functionView(row)]))
}
