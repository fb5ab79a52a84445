/**
 * The language of functions: what can be asked of them and what happened to them.
 * Source: the functions API document (`Function`, `Runtime`, `ExecutionType`), with our own
 * optional fields beside it.
 *
 * Every event that changes a definition carries it whole: the newest one is the function's state,
 * and each one is an immutable version.
 */
import Type, { type Static } from 'typebox'
import {
  deadline,
  message,
  nullable,
  timestamp,
  type DeepReadonly,
  type EnvelopeOf,
} from './message.ts'
import { Schedule } from './schedules.ts'

export const TIMEOUT_MS_DEFAULT = 30_000
export const TIMEOUT_MS_MAX = 900_000
export const MEMORY_MB_DEFAULT = 128
export const NAME_LENGTH_MAX = 128
/** The owner of everything while requests carry no credentials. */
export const LOCAL_OWNER = 'local'

const closed = { additionalProperties: false } as const

export const Runtime = Type.Enum(['python', 'nodejs', 'rust'], {
  description: 'In which language the code is.',
})
export type Runtime = Static<typeof Runtime>

export const ExecutionType = Type.Enum(['sync', 'async'], {
  description: 'Whether an invocation is answered with its result, or as soon as it is accepted.',
})
export type ExecutionType = Static<typeof ExecutionType>

/** A JSON Schema that the user supplies; whether it compiles is checked where it is used. */
const UserSchema = Type.Union([Type.Boolean(), Type.Record(Type.String(), Type.Unknown())], {
  description: 'A JSON Schema, of draft 2020-12 unless its $schema says 2019-09 or 07.',
})

/** Failures of the user's own code, which another run may not have. */
export const RETRY_CODES = ['RUNTIME_ERROR', 'TIMEOUT', 'MEMORY_LIMIT', 'OUTPUT_LIMIT'] as const

export const RetryPolicy = Type.Object(
  {
    attempts: Type.Integer({ minimum: 1, maximum: 20, description: 'Runs in all.' }),
    backoff_ms: Type.Optional(
      Type.Integer({
        ...{ minimum: 1, maximum: 3_600_000 },
        description: 'Before the second run; doubles from run to run, with jitter. 1000 else.',
      }),
    ),
    max_backoff_ms: Type.Optional(
      Type.Integer({
        ...{ minimum: 1, maximum: 3_600_000 },
        description: 'To which it doubles; 60000 else.',
      }),
    ),
    codes: Type.Optional(
      Type.Array(Type.Enum([...RETRY_CODES]), {
        ...{ minItems: 1, maxItems: 4, uniqueItems: true },
        description: 'Failures that are tried again; all of them unless told otherwise.',
      }),
    ),
  },
  {
    ...closed,
    title: 'RetryPolicy',
    description: 'When a failed run of an accepted job is followed by another one.',
  },
)
export type RetryPolicy = DeepReadonly<Static<typeof RetryPolicy>>

export const CONCURRENCY_MAX = 10_000
/** COMMANDS keeps a command no longer. */
const QUEUE_AGE_MAX_S = 604_800

const whole = (minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, description })

const required = {
  name: Type.String({
    minLength: 1,
    maxLength: NAME_LENGTH_MAX,
    pattern: '^[^\\s\\p{Cc}\\p{Cs}](?:[^\\p{Cc}\\p{Cs}]*[^\\s\\p{Cc}\\p{Cs}])?$',
    description: 'Unique per owner. No control characters, and no space at either end.',
  }),
  runtime: Runtime,
  code: Type.String({ minLength: 1, description: 'Its source; `handler` is what is called.' }),
  execution_type: ExecutionType,
}

const optional = {
  description: Type.Optional(Type.String({ maxLength: 4_096 })),
  timeout_ms: Type.Optional(
    whole(1, TIMEOUT_MS_MAX, `Wall clock of one run, in milliseconds; ${TIMEOUT_MS_DEFAULT} else.`),
  ),
  memory_mb: Type.Optional(
    whole(64, 2_048, `Memory of one run, in MiB; ${MEMORY_MB_DEFAULT} else.`),
  ),
  schema: Type.Optional(
    Type.Object(
      { params: Type.Optional(UserSchema), result: Type.Optional(UserSchema) },
      { ...closed, description: 'JSON Schemas of the event and of the result.' },
    ),
  ),
  schedule: Type.Optional(Schedule),
  retry: Type.Optional(RetryPolicy),
  concurrency: Type.Optional(
    whole(1, CONCURRENCY_MAX, 'Runs at once over all executors, of calls and jobs together.'),
  ),
  max_queue_age: Type.Optional(
    whole(1, QUEUE_AGE_MAX_S, 'Seconds that a job may wait before its first run.'),
  ),
  max_queue_depth: Type.Optional(
    whole(1, 1_000_000, 'Accepted jobs that have not ended; `QUEUE_DEPTH` else.'),
  ),
  examples: Type.Optional(
    Type.Array(Type.Unknown(), { maxItems: 32, description: 'For people; they are not run.' }),
  ),
  env: Type.Optional(
    Type.Record(Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }), Type.String(), {
      ...closed,
      maxProperties: 64,
      description: "Environment variables of the function's process.",
    }),
  ),
}

/** The body of `POST /functions`. */
export const FunctionInput = Type.Object({ ...required, ...optional }, closed)
export type FunctionInput = DeepReadonly<Static<typeof FunctionInput>>

/** The body of `PUT /functions/{id}`: any subset. */
export const FunctionChanges = Type.Partial(
  Type.Object({ ...required, ...optional }, closed),
  closed,
)
export type FunctionChanges = DeepReadonly<Static<typeof FunctionChanges>>

/**
 * The document calls every field of an update nullable: null is "not given". In a field of our own
 * it takes the field away, since there is no other way to say that.
 */
export type NullableChanges = {
  readonly [Key in keyof FunctionChanges]: FunctionChanges[Key] | null
}
const NullableChanges = Type.Unsafe<NullableChanges>(
  Type.Partial(
    Type.Object(
      Object.fromEntries(
        Object.entries({ ...required, ...optional }).map(([name, field]) => [
          name,
          nullable(field),
        ]),
      ),
    ),
  ),
)

/** A definition with nothing left open. */
export const Definition = Type.Object({
  ...required,
  ...optional,
  timeout_ms: Type.Integer({ description: 'Wall clock of one run, in milliseconds.' }),
  memory_mb: Type.Integer({ description: 'Memory of one run, in MiB.' }),
})
export type Definition = DeepReadonly<Static<typeof Definition>>

// ── commands ────────────────────────────────────────────────────────────────────────────────────

const whose = { function_id: Type.Integer(), owner: Type.String() }

export const RegisterFunction = message(
  'function.register',
  'Make a function.',
  Type.Object({
    ...whose,
    definition: Type.Object({ ...required, ...optional }),
    ...deadline,
  }),
)
export type RegisterFunction = EnvelopeOf<typeof RegisterFunction>

export const UpdateFunction = message(
  'function.update',
  'Make the next version of a function.',
  Type.Object({ ...whose, changes: NullableChanges, ...deadline }),
)
export type UpdateFunction = EnvelopeOf<typeof UpdateFunction>

export const DeleteFunction = message(
  'function.delete',
  'End a function; its jobs stay.',
  Type.Object({ ...whose, ...deadline }),
)
export type DeleteFunction = EnvelopeOf<typeof DeleteFunction>

export type FunctionCommand = RegisterFunction | UpdateFunction | DeleteFunction

// ── events ──────────────────────────────────────────────────────────────────────────────────────

const version = { version: Type.Integer({ description: 'Counts from 1.' }) }

export const FunctionVersion = Type.Object({
  ...whose,
  ...version,
  definition: Definition,
  created_at: timestamp('When the first version was made.'),
  updated_at: timestamp('When this version was made.'),
  scheduled_since: Type.Optional(
    timestamp('Since when its schedule is as it is: it has no ticks before.'),
  ),
})
export type FunctionVersion = DeepReadonly<Static<typeof FunctionVersion>>

export const FunctionRegistered = message(
  'function.registered',
  'A function was made; this is its first version.',
  FunctionVersion,
)
export type FunctionRegistered = EnvelopeOf<typeof FunctionRegistered>

export const FunctionUpdated = message(
  'function.updated',
  'A function has its next version.',
  FunctionVersion,
)
export type FunctionUpdated = EnvelopeOf<typeof FunctionUpdated>

export const FunctionDeleted = message(
  'function.deleted',
  'A function is no more; its jobs stay.',
  Type.Object({
    ...whose,
    ...version,
    name: Type.String(),
    runtime: Runtime,
    deleted_at: timestamp('When.'),
  }),
)
export type FunctionDeleted = EnvelopeOf<typeof FunctionDeleted>

export type FunctionEvent = FunctionRegistered | FunctionUpdated | FunctionDeleted

/** A name is an aggregate of its own, so that two functions cannot claim it at once. */
const NameData = Type.Object({ ...whose, name: Type.String() })

export const FunctionNameClaimed = message(
  'function-name.claimed',
  'A name belongs to a function of this owner, and to no other.',
  NameData,
)
export type FunctionNameClaimed = EnvelopeOf<typeof FunctionNameClaimed>

export const FunctionNameReleased = message(
  'function-name.released',
  'A name is free for another function of this owner.',
  NameData,
)
export type FunctionNameReleased = EnvelopeOf<typeof FunctionNameReleased>

export type FunctionNameEvent = FunctionNameClaimed | FunctionNameReleased

/** Idempotency keys. A version is decided once: the expectation on the subject closes the race. */
export const functionMessageId = {
  command: (type: string, key: string) => `${type}:${key}`,
  version: (functionId: number, version: number) => `function:${functionId}:v${version}`,
  deleted: (functionId: number) => `function:${functionId}:deleted`,
  claimed: (functionId: number, version: number) => `function:${functionId}:v${version}:claim`,
  released: (functionId: number, version: number) => `function:${functionId}:v${version}:release`,
} as const
