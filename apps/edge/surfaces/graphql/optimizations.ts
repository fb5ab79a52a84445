/** Fields of what was suggested for chunks. */
import { findOptimization, pageOfOptimizations } from '#projections/optimization-queries.ts'
import { filterIn, orderIn } from '../chunks/listing.ts'
import { optimizationIn, optimizationsView, optimizationView } from '../chunks/optimizations.ts'
import { as } from './asking.ts'

type Given = Readonly<Record<string, string | number | null | undefined>>

interface OptimizationsArgs {
  readonly filter?: Given | null
  readonly sort_by?: string | null
  readonly order?: string | null
  readonly page?: number | null
  readonly per_page?: number | null
}

export const optimizationFields = {
  Query: {
    optimizations: as<unknown, OptimizationsArgs>(
      'GET /api/v1/optimizations',
      async (_, { filter: given, ...paging }, asking) => {
        const order = orderIn(asked({ ...paging }))
        const filter = filterIn(asked(given ?? {}))
        const page = await asking.ask((db, owner) => pageOfOptimizations(db, owner, filter, order))
        return optimizationsView(page, order)
      },
    ),

    optimization: as<unknown, { readonly id: string }>(
      'GET /api/v1/optimizations/:id',
      async (_, { id: given }, asking) => {
        const { id, missing } = optimizationIn(given)
        const row = await asking.require((db, owner) => findOptimization(db, owner, id), missing)
        return optimizationView(row)
      },
    ),
  },
}

/** As the REST route is asked, so that the same is refused in the same words. */
function asked(given: Given) {
  return {
    query: (name: string) => {
      const value = given[name] ?? undefined
      // A small number would be written with an exponent, which no query has.
      if (typeof value === 'number' && !Number.isInteger(value)) return value.toFixed(15)
      return value === undefined ? undefined : String(value)
    },
  }
}
