/** What the plain routes answer. Source: `/health` of the lambda and generation documents. */
import Type, { type Static } from 'typebox'
import type { DeepReadonly } from '#events/message.ts'
import { Time } from '../http/shapes.ts'

export const ComponentStatus = Type.Enum(['ok', 'degraded', 'down', 'disabled'], {
  title: 'ComponentStatus',
})
export type ComponentStatus = Static<typeof ComponentStatus>

export const SANDBOX_LEVELS = ['unavailable', 'user', 'full'] as const

const ofRuntimes = { nodejs: ComponentStatus, python: ComponentStatus, rust: ComponentStatus }
const reason = Type.Optional(Type.String())

export const Health = Type.Object(
  {
    status: Type.Enum(['healthy', 'ok', 'unhealthy'], {
      description: '`ok` says the same as `healthy`, to a host of the lambda API.',
    }),
    version: Type.String(),
    timestamp: Time('When it was looked at.'),
    components: Type.Object({
      controller: ComponentStatus,
      redis: ComponentStatus,
      postgres: ComponentStatus,
      nats: ComponentStatus,
      runtimes: Type.Object(ofRuntimes),
    }),
    sandbox: Type.Object({
      level: Type.Enum([...SANDBOX_LEVELS], { description: 'Of the weakest executor.' }),
      reason: Type.Optional(Type.String({ description: 'Why it is no better.' })),
      runtimes: Type.Optional(
        Type.Object(
          { nodejs: reason, python: reason, rust: reason },
          { description: 'Why a runtime cannot be used, and what to do about it.' },
        ),
      ),
    }),
    processes: Type.Record(Type.String(), Type.Integer(), {
      description: 'How many of each are present.',
    }),
    error: Type.Optional(Type.String({ description: 'With 503.' })),
  },
  { title: 'Health' },
)
export type Health = DeepReadonly<Static<typeof Health>>

export const Ready = Type.Object({ ready: Type.Literal(true) })
export const NotReady = Type.Object({ ready: Type.Literal(false), message: Type.String() })

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
