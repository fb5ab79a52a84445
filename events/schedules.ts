/**
 * The language of schedules: when a function runs by itself, and what became of each tick.
 *
 * A schedule is a part of its function's definition; a tick that is decided is an event of its own.
 * The newest one of a function tells everybody how far its ticks are decided.
 */
import Type, { type Static } from 'typebox'
import { message, nullable, timestamp, type DeepReadonly, type EnvelopeOf } from './message.ts'

/** A tick that nobody could decide is still run so much later; older ones are only told. */
export const LATE_MAX_MS = 3_600_000

export const Schedule = Type.Object(
  {
    cron: Type.String({
      ...{ minLength: 1, maxLength: 128 },
      description: 'Five fields, or six with seconds, or `@hourly` and its like.',
    }),
    time_zone: Type.Optional(
      Type.String({
        ...{ minLength: 1, maxLength: 64 },
        description: 'A name of the IANA time zone database; UTC else.',
      }),
    ),
    overlap: Type.Optional(
      Type.Enum(['allow', 'skip'], {
        description:
          'What becomes of a tick while the job of the one before has not ended; `skip` else.',
      }),
    ),
    event: Type.Optional(Type.Unknown({ description: 'What the function gets; {} else.' })),
    enabled: Type.Optional(
      Type.Boolean({ description: 'False keeps the schedule, and stops its ticks.' }),
    ),
  },
  {
    additionalProperties: false,
    title: 'ScheduleInput',
    description: 'When the function runs by itself.',
  },
)
export type Schedule = Static<typeof Schedule>

export const SCHEDULE_DEFAULTS = {
  time_zone: 'UTC',
  overlap: 'skip',
  event: {},
  enabled: true,
} as const

/** Ticks that were not run, since everybody was away or the log took nothing. */
export const MissedTicks = Type.Object({
  first: timestamp('The first of them.'),
  last: timestamp('The last of them.'),
  count: nullable(Type.Integer(), 'Null: too many to be counted.'),
})
export type MissedTicks = DeepReadonly<Static<typeof MissedTicks>>

export const ScheduleTicked = message(
  'schedule.ticked',
  "A tick of a function's schedule was decided.",
  Type.Object({
    function_id: Type.Integer(),
    function_version: Type.Integer(),
    owner: Type.String(),
    tick: timestamp('This tick and all before it are decided.'),
    outcome: Type.Enum(['started', 'overlapped', 'missed'], {
      description:
        '`overlapped`: not run, the job of a tick before had not ended. `missed`: not run, too late.',
    }),
    job: nullable(
      Type.Object({ job_id: Type.Integer(), accepted_at: timestamp('When it was accepted.') }),
      'The newest job that the schedule has made.',
    ),
    missed: nullable(MissedTicks, 'Ticks before this one that were not run.'),
  }),
)
export type ScheduleTicked = EnvelopeOf<typeof ScheduleTicked>

/** Every handler that decides a tick says it under this id; the expectation decides who is first. */
export const tickMessageId = (functionId: number, tick: string) => `schedule:${functionId}:${tick}`
