/** The routes that operators and their machines ask: no credentials, no limits, cheap to answer. */
import type { Env, Hono, MiddlewareHandler } from 'hono'
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

  app.get('/health', asEverywhere, async (c) => {
    const { status, body } = await health(new URL(c.req.url).hostname)
    return c.json(body, status, { 'Cache-Control': 'no-store' })
  })
  app.get('/ready', asEverywhere, async (c) => {
    const { status } = await health()
    const body = status === 200 ? { ready: true } : { ready: false, message: 'Service not ready' }
    return c.json(body, status, { 'Cache-Control': 'no-store' })
  })
  for (const path of ['/metrics', '/metrics/']) {
    app.get(path, asEverywhere, async (c) =>
      c.body(await metrics(), 200, { 'Content-Type': METRICS_CONTENT_TYPE }),
    )
  }
  for (const path of ['/health', '/ready', '/metrics', '/metrics/']) {
    app.options(path, asEverywhere, (c) =>
      c.body(null, 204, optionsHeaders(path, METHODS, c.req.header('origin'))),
    )
    app.all(path, (c) => {
      throw methodNotAllowed(c.req.method, METHODS)
    })
  }
}

/** Headers as on the answers of all other routes; the document of the chunk API wants these timed, too. */
const asEverywhere: MiddlewareHandler = async (c, next) => {
  const startedAt = performance.now()
  await next()
  // A refusal has its own.
  if (c.error !== undefined) return
  c.header(
    'X-Request-Id',
    requestIdOf({ headers: { 'x-request-id': c.req.header('x-request-id') } }),
  )
  c.header('X-Response-Time', (performance.now() - startedAt).toFixed(1))
  for (const [name, value] of Object.entries(VARY)) c.header(name, value)
}
