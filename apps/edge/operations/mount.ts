/** The routes that operators and their machines ask: no credentials, no limits, cheap to answer. */
import type { Env, Hono } from 'hono'
import { optionsHeaders, VARY } from '../http/cors.ts'
import { methodNotAllowed } from '../http/exchange.ts'
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
    const { status, body } = await health(new URL(c.req.url).hostname)
    return c.json(body, status, { 'Cache-Control': 'no-store', ...VARY })
  })
  app.get('/ready', async (c) => {
    const { status } = await health()
    const body = status === 200 ? { ready: true } : { ready: false, message: 'Service not ready' }
    return c.json(body, status, { 'Cache-Control': 'no-store', ...VARY })
  })
  for (const path of ['/metrics', '/metrics/']) {
    app.get(path, async (c) =>
      c.body(await metrics(), 200, { 'Content-Type': METRICS_CONTENT_TYPE, ...VARY }),
    )
  }
  for (const path of ['/health', '/ready', '/metrics', '/metrics/']) {
    app.options(path, (c) =>
      c.body(null, 204, { ...optionsHeaders(path, METHODS, c.req.header('origin')), ...VARY }),
    )
    app.all(path, (c) => {
      throw methodNotAllowed(c.req.method, METHODS)
    })
  }
}
