/** The lambda API, put together. Source: the document 004. */
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import type { Log } from '#runtime/log.ts'
import type { PresenceWatch } from '#runtime/presence.ts'
import type { Telemetry } from '#runtime/telemetry.ts'
import type { Agreement } from '../../knowledge/agreement.ts'
import type { BegunJobs } from '../../jobs/begun-jobs.ts'
import { BoundVersions } from '../../sessions/bound-versions.ts'
import type { ResultCache } from '../../cache/result-cache.ts'
import type { SendCommand } from '../../commands.ts'
import type { Definitions } from '../../knowledge/definitions.ts'
import { Executions } from '../../sessions/executions.ts'
import type { Router } from '../../http/exchange.ts'
import type { Invocations } from '../../jobs/invocations.ts'
import { Pins } from '../../sessions/pins.ts'
import type { Queries } from '../../queries.ts'
import { createSessionCommands } from '../../sessions/session-commands.ts'
import type { Sessions } from '../../knowledge/sessions.ts'
import { executeRoute } from './execute.ts'
import { scriptRoutes } from './functions.ts'
import { sessionRoutes } from './sessions.ts'

export interface LambdaOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly presence: PresenceWatch
  readonly definitions: Definitions
  readonly agreement: Agreement
  readonly sessions: Sessions
  readonly queries: Queries
  readonly invocations: Invocations
  readonly begunJobs: BegunJobs
  readonly cache: ResultCache
  readonly send: SendCommand
  readonly telemetry: Telemetry
  readonly log: Log
  readonly stack: AsyncDisposableStack
}

export function mountLambda(router: Router, options: LambdaOptions): void {
  const { bus, payloads, presence, definitions, agreement, sessions, queries } = options
  const { invocations, begunJobs, cache, send, telemetry, log, stack } = options
  const pins = stack.use(new Pins({ bus, presence, sessions }))
  const commands = createSessionCommands({ send, sessions, queries })
  const executionsTotal = telemetry.counter(
    'sluice_executions',
    'Executions of sessions by runtime, outcome and whether they came from the cache.',
  )
  telemetry.gauge('sluice_sessions_open', 'Sessions that can be executed.', () => [
    { value: [...sessions.open()].length },
  ])
  const executions = new Executions({
    ...{ invocations, begunJobs, cache, pins, commands, executionsTotal, log },
  })
  const versions = new BoundVersions({ bus, payloads, definitions })
  sessionRoutes(router, {
    ...{ definitions, agreement, sessions, commands, pins, queries },
  })
  executeRoute(router, { agreement, sessions, versions, executions })
  scriptRoutes(router, { definitions, agreement })
}
