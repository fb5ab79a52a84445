/** The routes that operators and their machines ask: no credentials, no limits, cheap to answer. */
import type { Context, Env, Hono } from 'hono'
import { optionsHeaders, VARY } from '../http/cors.ts'
import { methodNotAllowed, requestIdOf } from '../http/exchange.ts'
import { createHealth, type HealthDeps } from './health.ts'
import { createMetrics, type MetricsDeps } from './metrics.ts'
import { METRICS_CONTENT_TYPE } from './schemas.ts'

const METHODS = ['GET', 'HEAD', 'OPTIONS']

export type OperationsDeps = HealthDeps & MetricsDeps

/** `/health/` and what is below it belong to the gateway. */
export function mountOperations<E extends Env>(app: Hono<E>, deps: OperationsDeps): void {
  const health = createHealth(deps)
  const metrics = createMetrics(deps)

  app.get('/health', async (c) => {
    const startedAt = performance.now()
    const { status, body } = await health(new URL(c.req.url).hostname)
    return c.json(body, status, { 'Cache-Control': 'no-store', ...always(c, startedAt) })
  })
  app.get('/ready', async (c) => {
    const startedAt = performance.now()
    const { status } = await health()
    const body = status === 200 ? { ready: true } : { ready: false, message: 'Service not ready' }
    return c.json(body, status, { 'Cache-Control': 'no-store', ...always(c, startedAt) })
  })
  for (const path of ['/metrics', '/metrics/']) {
    app.get(path, async (c) => {
      const startedAt = performance.now()
      const body = await metrics()
      return c.body(body, 200, { 'Content-Type': METRICS_CONTENT_TYPE, ...always(c, startedAt) })
    })
  }
  for (const path of ['/health', '/ready', '/metrics', '/metrics/']) {
    app.options(path, (c) => {
      const headers = optionsHeaders(path, METHODS, c.req.header('origin'))
      return c.body(null, 204, { ...headers, ...always(c, performance.now()) })
    })
    app.all(path, (c) => {
      throw methodNotAllowed(c.req.method, METHODS)
    })
  }
}

/** As on the answers of all other routes; the document of the chunk API wants these timed, too. */
function always({ req }: Context, startedAt: number): Readonly<Record<string, string>> {
  const requestId = requestIdOf({ headers: { 'x-request-id': req.header('x-request-id') } })
  const responseTime = (performance.now() - startedAt).toFixed(1)
  return { 'X-Request-Id': requestId, 'X-Response-Time': responseTime, ...VARY }
}
