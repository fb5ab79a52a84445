/**
 * What the functions API answers of functions. Source: `Function`, the metrics and the envelope of
 * its document; our extra fields come after the document's. The views are typed by these, so that
 * neither can drift from the other.
 */
import Type, { type Static, type TSchema } from 'typebox'
import { FunctionChanges, FunctionInput } from '#events/functions.ts'
import type { DeepReadonly } from '#events/message.ts'
import { Count, Id, List, Nullable, Time } from '../../http/shapes.ts'

const { name, runtime, code, execution_type, ...optional } = Type.Required(FunctionInput).properties

/** Null in a field that may be left out means that it is left out, or taken away by a change. */
const nullable = (properties: Readonly<Record<string, TSchema>>, fields: readonly string[]) => {
  const shapes = fields.map((field) => [field, Type.Optional(Nullable(properties[field]!))])
  return Object.fromEntries(shapes) as Record<string, TSchema>
}

const closed = { additionalProperties: false }

/** Before nulls are taken out of it; what is then left is a `FunctionInput`. */
export const FunctionBody = Type.Object(
  { name, runtime, code, execution_type, ...nullable(optional, Object.keys(optional)) },
  { ...closed, title: 'FunctionInput' },
)

export const FunctionChangesBody = Type.Object(
  nullable(Type.Required(FunctionChanges).properties, Object.keys(FunctionChanges.properties)),
  { ...closed, title: 'FunctionChanges' },
)

/** `{ success: true, data }`, as every answer of this API that is no problem. */
export const successOf = <Data extends TSchema>(data: Data) =>
  Type.Object({ success: Type.Literal(true), data })

export const ScheduleView = Type.Object(
  {
    ...Type.Required(optional.schedule).properties,
    next_run_at: Nullable(Time(), 'When it runs next; null: it does not, or is not enabled.'),
  },
  { title: 'Schedule', description: 'A schedule with its defaults filled in.' },
)
export type ScheduleView = DeepReadonly<Static<typeof ScheduleView>>

export const FunctionView = Type.Object(
  {
    id: Id('Unique.'),
    name,
    runtime,
    code,
    execution_type,
    created_at: Time('When it was registered.'),
    updated_at: Time('When this version was made.'),
    version: Id('Counts the changes from 1. A version never changes.'),
    description: Nullable(optional.description),
    timeout_ms: optional.timeout_ms,
    memory_mb: optional.memory_mb,
    schema: Nullable(optional.schema),
    examples: List(Type.Unknown()),
    env: optional.env,
    retry: Nullable(optional.retry),
    concurrency: Nullable(optional.concurrency),
    max_queue_age: Nullable(optional.max_queue_age),
    max_queue_depth: Nullable(optional.max_queue_depth),
    schedule: Nullable(ScheduleView),
  },
  { title: 'Function', description: 'A function as it is, or one of its versions as it was.' },
)
export type FunctionView = DeepReadonly<Static<typeof FunctionView>>

export const FunctionList = Type.Object({ functions: List(FunctionView, 'Oldest first.') })
export type FunctionList = DeepReadonly<Static<typeof FunctionList>>

export const VersionList = Type.Object({ versions: List(FunctionView, 'Newest first.') })
export type VersionList = DeepReadonly<Static<typeof VersionList>>

export const FunctionChanged = Type.Object(
  { function_id: Id('The function.'), version: Id('Its newest version.') },
  { title: 'FunctionChanged' },
)
export type FunctionChanged = DeepReadonly<Static<typeof FunctionChanged>>

/** In the document's units. */
const inUnit = (unit: string, description: string) =>
  Type.String({ pattern: `^\\d+(\\.\\d+)?${unit}$`, description })

export const MetricsView = Type.Object(
  {
    invocations: Type.Object({
      total: Count('Runs that succeeded or failed.'),
      successful: Count(),
      failed: Count(),
      cancelled: Count('Jobs that were cancelled; they are not in the total.'),
    }),
    success_rate: Type.Number({ minimum: 0, maximum: 100, description: 'In percent.' }),
    avg_execution_time: inUnit('ms', 'Of the runs that came to an end of their own.'),
    cpu_usage: inUnit('%', 'CPU time over wall time of the runs.'),
    memory_usage: inUnit('MB', 'The most that any run has taken.'),
  },
  { title: 'FunctionMetrics', description: 'Zeros before the first run has ended.' },
)
export type MetricsView = DeepReadonly<Static<typeof MetricsView>>
