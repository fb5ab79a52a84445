/** The chunk API, put together. Source: the document 003. */
import type { Analyses } from '../../chunks/analyses.ts'
import type { Comparisons } from '../../chunks/comparisons.ts'
import { Router, type RouterOptions } from '../../http/exchange.ts'
import { authDialect } from '../auth/dialect.ts'
import { analyzeRoutes } from './analyze.ts'
import { optimizationRoutes, type OptimizationRoutesOptions } from './optimizations.ts'
import { reportRoute } from './report.ts'
import { similarityRoute } from './similarity.ts'

export interface ChunksOptions extends OptimizationRoutesOptions {
  readonly analyses: Analyses
  readonly comparisons: Comparisons
}

export function mountChunks(routing: Omit<RouterOptions, 'dialect'>, options: ChunksOptions): void {
  const router = new Router({ ...routing, dialect: authDialect })
  analyzeRoutes(router, options)
  similarityRoute(router, options)
  optimizationRoutes(router, options)
  reportRoute(router, options)
  router.close()
}
