/**
 * The language of schedules: when a function runs by itself, and what became of each tick.
 *
 * A schedule is a part of its function's definition; a tick that is decided is an event of its own.
 * The newest one of a function tells everybody how far its ticks are decided.
 */
import Type, { type Static } from 'typebox'
import type { Envelope } from './envelope.ts'

/** A tick that nobody could decide is still run so much later; older ones are only told. */
export const LATE_MAX_MS = 3_600_000

export const Schedule = Type.Object(
  {
    /** Five fields, or six with seconds, or `@hourly` and its like. */
    cron: Type.String({ minLength: 1, maxLength: 128 }),
    /** A name of the IANA time zone database. */
    time_zone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    /** What becomes of a tick while the job of the one before has not ended. */
    overlap: Type.Optional(Type.Enum(['allow', 'skip'])),
    /** What the function gets. */
    event: Type.Optional(Type.Unknown()),
    enabled: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)
export type Schedule = Static<typeof Schedule>

export const SCHEDULE_DEFAULTS = {
  time_zone: 'UTC',
  overlap: 'skip',
  event: {},
  enabled: true,
} as const

/** Ticks that were not run, since everybody was away or the log took nothing. */
export interface MissedTicks {
  readonly first: string
  readonly last: string
  /** Null: too many to be counted. */
  readonly count: number | null
}

export type ScheduleTicked = Envelope<
  'schedule.ticked',
  {
    readonly function_id: number
    readonly function_version: number
    readonly owner: string
    /** ISO 8601. This tick and all before it are decided. */
    readonly tick: string
    /** `overlapped`: not run, the job of a tick before had not ended. `missed`: not run, too late. */
    readonly outcome: 'started' | 'overlapped' | 'missed'
    /** The newest job that the schedule has made. */
    readonly job: { readonly job_id: number; readonly accepted_at: string } | null
    readonly missed: MissedTicks | null
  }
>

/** Every handler that decides a tick says it under this id; the expectation decides who is first. */
export const tickMessageId = (functionId: number, tick: string) => `schedule:${functionId}:${tick}`
