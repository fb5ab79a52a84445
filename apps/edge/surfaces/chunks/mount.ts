/** The chunk API, put together. Source: the document 003. */
import { Router, type RouterOptions } from '../../http/exchange.ts'
import { authDialect } from '../auth/dialect.ts'
import { analyzeRoutes, type AnalyzeRoutesOptions } from './analyze.ts'
import { optimizationRoutes, type OptimizationRoutesOptions } from './optimizations.ts'
import { reportRoute } from './report.ts'
import { similarityRoute, type SimilarityRouteOptions } from './similarity.ts'

export type ChunksOptions = AnalyzeRoutesOptions &
  OptimizationRoutesOptions &
  SimilarityRouteOptions

export function mountChunks(routing: Omit<RouterOptions, 'dialect'>, options: ChunksOptions): void {
  const router = new Router({ ...routing, dialect: authDialect })
  analyzeRoutes(router, options)
  similarityRoute(router, options)
  optimizationRoutes(router, options)
  reportRoute(router, options)
  router.close()
}
