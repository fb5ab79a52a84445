/** Schedules in the functions API: what is refused, and how they are shown. */
import { requireSchedule, ticksOf } from '#domain/schedule.ts'
import { Problem } from '#domain/problem.ts'
import type { NullableChanges } from '#events/functions.ts'
import { SCHEDULE_DEFAULTS, type Schedule } from '#events/schedules.ts'
import { eventValidator } from '../../http/event-schema.ts'
import type { ScheduleView } from './schemas.ts'

/**
 * Throws a `Problem` for a schedule that cannot be kept: nobody would be there to be told later that
 * its event does not fit the function.
 */
export function requireUsableSchedule({
  schedule,
  schema,
}: Pick<NullableChanges, 'schedule' | 'schema'>): void {
  if (schedule === null || schedule === undefined) return
  requireSchedule(schedule, Date.now())
  const params = schema?.params
  if (params === undefined) return
  const { event } = { ...SCHEDULE_DEFAULTS, ...schedule }
  try {
    eventValidator(params, 'schema.params')(event, JSON.stringify(event).length)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    const why = `schedule.event does not fit schema.params: ${error.message}`
    throw new Problem('INVALID_REQUEST', why, { field: 'schedule.event' }, { cause: error })
  }
}

/** With its defaults, and when it runs next; null: it has none. */
export function scheduleView(schedule: Schedule | undefined, nowMs: number): ScheduleView | null {
  if (schedule === undefined) return null
  const whole = { ...SCHEDULE_DEFAULTS, ...schedule }
  const { cron, time_zone, overlap, event, enabled } = whole
  const next = enabled ? ticksOf(schedule).after(nowMs) : undefined
  const next_run_at = next === undefined ? null : new Date(next).toISOString()
  return { cron, time_zone, overlap, event, enabled, next_run_at }
}
