/** The plain routes, told. */
import Type from 'typebox'
import type { Operation } from '../documents/operation.ts'
import { answer } from '../http/shapes.ts'
import type { PlainRoute } from './routes.ts'
import { Health, METRICS_CONTENT_TYPE, NotReady, Ready } from './schemas.ts'

const tag = 'operations'

const WELL = {
  ...{ status: 'ok', version: '1.0.0', timestamp: '2026-01-31T08:00:00.000Z' },
  components: {
    ...{ controller: 'ok', redis: 'ok', postgres: 'ok', nats: 'ok' },
    runtimes: { nodejs: 'ok', python: 'ok', rust: 'ok' },
  },
  sandbox: { level: 'full' },
  processes: { edge: 1, handler: 1, executor: 1, projector: 1 },
}

const metrics: Operation = {
  ...{ tag, summary: 'Its metrics' },
  description: 'Of all processes, as Prometheus reads them.',
  answers: {
    200: {
      description: 'The exposition.',
      content: { schema: Type.String(), contentType: METRICS_CONTENT_TYPE },
    },
  },
}

export const plainOperations = {
  'GET /health': {
    ...{ tag, summary: 'Is it well' },
    description: 'Part by part; asked of the servers behind it about four times a second at most.',
    answers: {
      200: answer('It is well enough.', Health, WELL),
      503: answer('A part is down without which nothing goes.', Health, {
        ...WELL,
        ...{ status: 'unhealthy', error: 'Service unavailable' },
        components: { ...WELL.components, postgres: 'down' },
      }),
    },
  },
  'GET /ready': {
    ...{ tag, summary: 'May it be asked' },
    answers: {
      200: answer('It may.', Ready, { ready: true }),
      503: answer('Not now.', NotReady, { ready: false, message: 'Service not ready' }),
    },
  },
  'GET /metrics': metrics,
  'GET /metrics/': metrics,
} as const satisfies Readonly<Record<PlainRoute, Operation>>
