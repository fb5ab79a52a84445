/** Routes of a test's own behind the real router and server: no servers but this one, no guard. */
import assert from 'node:assert/strict'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { createLog } from '#runtime/log.ts'
import { createTelemetry } from '#runtime/telemetry.ts'
import { ANYBODY_HERE } from '../../apps/edge/access/principal.ts'
import { Admission } from '../../apps/edge/http/admission.ts'
import type { RouterOptions } from '../../apps/edge/http/exchange.ts'
import { serveHttp, type HttpServer } from '../../apps/edge/http/server.ts'

export type Routing = Omit<RouterOptions, 'dialect'>

export interface RoutesServerOptions {
  readonly maxBodyBytes: number
  /** Each line of the log. */
  readonly write?: (line: string) => void
}

export async function serveRoutes(
  { maxBodyBytes, write = () => undefined }: RoutesServerOptions,
  mount: (routing: Routing) => void,
): Promise<HttpServer & { readonly url: string; readonly admission: Admission }> {
  const app = new Hono<{ Bindings: HttpBindings }>()
  // One packed body fills it.
  const admission = new Admission({ maxRequests: 10, maxLargeBytes: maxBodyBytes })
  mount({
    ...{ app, admission, maxBodyBytes, maxLargeBodyBytes: maxBodyBytes },
    telemetry: createTelemetry({ process: 'edge', instance: 'e1' }),
    log: createLog({ process: 'edge', level: 'info', write }),
    guard: () => ({ principal: ANYBODY_HERE, headers: {} }),
    once: () => assert.fail('no request here has a key'),
    stopping: new AbortController().signal,
  })
  const server = await serveHttp({
    ...{ host: '127.0.0.1', port: 0, fetch: app.fetch },
    prepare: () => undefined,
    refuse: () => undefined,
    failed: (error) => assert.fail(String(error)),
    malformed: () => '',
  })
  return { ...server, admission, url: `http://127.0.0.1:${server.port}` }
}
