/**
 * Decisions about schedules: which ticks there are, which of them is due, and what becomes of it.
 *
 * Invariants:
 * 1. A tick is decided once: run, skipped because the job before has not ended, or told as missed.
 * 2. After a while without anybody, the latest tick is run if it is less than `LATE_MAX_MS` late;
 *    the others are told as missed.
 * 3. Clock changes follow cron's own rule (Vixie): a schedule of fixed times (no `*` and no step in
 *    seconds, minutes, hours) runs once where the clock repeats an hour, and right behind the gap
 *    where it skips one; any other schedule goes by real time through both.
 */
import { Cron } from 'croner'
import type { Said } from '#events/envelope.ts'
import { envelope } from '#events/envelope.ts'
import type { FunctionVersion } from '#events/functions.ts'
import type { JobDelayed } from '#events/jobs.ts'
import type { Json } from '#events/json.ts'
import {
  LATE_MAX_MS,
  SCHEDULE_DEFAULTS,
  tickMessageId,
  type MissedTicks,
  type Schedule,
  type ScheduleTicked,
} from '#events/schedules.ts'
import { jobDelayed } from './job.ts'
import { Problem } from './problem.ts'

/** Beyond these, missed ticks are not counted. */
const COUNTED_MAX = 100
const NICKNAME = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/i

/** The ticks of a schedule; milliseconds since the epoch. */
export interface Ticks {
  /** The first one behind `ms`. */
  readonly after: (ms: number) => number | undefined
  /** The last one at `ms` or before it. */
  readonly upTo: (ms: number) => number | undefined
}

/** Of a schedule that has passed `requireSchedule`. */
export function ticksOf({ cron, time_zone = SCHEDULE_DEFAULTS.time_zone }: Schedule): Ticks {
  const parsed = new Cron(cron.trim(), {
    timezone: time_zone,
    mode: '5-or-6-parts',
    fixedTimeRule: 'no-wildcard',
    paused: true,
  })
  return {
    after: (ms) => parsed.nextRun(new Date(ms))?.getTime(),
    upTo: (ms) => parsed.previousRuns(1, new Date(ms + 1))[0]?.getTime(),
  }
}

/** Throws a `Problem` on the field that nobody can go by. */
export function requireSchedule(schedule: Schedule, nowMs: number): void {
  const { cron, time_zone = SCHEDULE_DEFAULTS.time_zone } = schedule
  requireZone(time_zone)
  const text = cron.trim()
  const fields = text.split(/\s+/).length
  // The library takes a date for a schedule of one tick, too.
  if (fields !== 5 && fields !== 6 && !NICKNAME.test(text)) {
    throw badCron('it needs 5 fields, or 6 with seconds, or a name such as @hourly')
  }
  let next: number | undefined
  try {
    next = ticksOf(schedule).after(nowMs)
  } catch (error) {
    throw badCron(error instanceof Error ? error.message : 'it is not understood')
  }
  if (next === undefined) throw badCron('it never comes')
}

function requireZone(zone: string): void {
  // An offset is a zone to JavaScript, and not to the database.
  const isNamed = /^[A-Za-z]/.test(zone)
  try {
    if (isNamed && new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions()) return
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  const message = `schedule.time_zone must be a name of the IANA database, such as Europe/Berlin.`
  throw new Problem('INVALID_REQUEST', message, { field: 'schedule.time_zone', given: zone })
}

function badCron(why: string): Problem {
  const message = `schedule.cron is not a usable expression: ${why}.`
  return new Problem('INVALID_REQUEST', message, { field: 'schedule.cron' })
}

/** The tick that has to be decided now, and those before it that nobody has decided. */
export interface DueTick {
  readonly tick: number
  /** It is not too late to run it. */
  readonly inTime: boolean
  readonly missed: MissedTicks | null
}

/** `decidedTo`: every tick up to there is decided, or was none of this schedule yet. */
export function dueTick(ticks: Ticks, decidedTo: number, nowMs: number): DueTick | undefined {
  const tick = ticks.upTo(nowMs)
  if (tick === undefined || tick <= decidedTo) return undefined
  const inTime = nowMs - tick < LATE_MAX_MS
  const last = inTime ? ticks.upTo(tick - 1) : tick
  const first = ticks.after(decidedTo)
  if (last === undefined || first === undefined || first > last) {
    return { tick, inTime, missed: null }
  }
  const missed = { first: iso(first), last: iso(last), count: countOf(ticks, first, last) }
  return { tick, inTime, missed }
}

function countOf(ticks: Ticks, first: number, last: number): number | null {
  let count = 1
  for (let tick = first; tick < last; count++) {
    if (count === COUNTED_MAX) return null
    tick = ticks.after(tick) ?? last
  }
  return count
}

export interface TickCommand {
  readonly version: FunctionVersion
  readonly schedule: Schedule
  /** Where on EVENTS that version stands. */
  readonly definitionSeq: number
  readonly due: DueTick
  /** The newest job that the schedule has made before, if any. */
  readonly before: ScheduleTicked['data']['job']
  /** That job has not ended. */
  readonly isRunning: boolean
  /** For the job that comes of it, if one does. */
  readonly jobId: number
}

export type TickDecided = readonly [ScheduleTicked] | readonly [ScheduleTicked, JobDelayed]

/** The tick, and the job that comes of it: due at once, in the hands of the log. */
export function decideTick(
  { version, schedule, definitionSeq, due, before, isRunning, jobId }: TickCommand,
  saying: Pick<Said, 'source' | 'time'>,
): TickDecided {
  const { function_id, owner, version: function_version, definition } = version
  const { overlap, event } = { ...SCHEDULE_DEFAULTS, ...schedule }
  const tick = iso(due.tick)
  const id = tickMessageId(function_id, tick)
  const said = { ...saying, cause: { correlationid: id } }
  const outcome = !due.inTime
    ? 'missed'
    : isRunning && overlap === 'skip'
      ? 'overlapped'
      : 'started'
  const job = outcome === 'started' ? { job_id: jobId, accepted_at: said.time } : before
  const ticked: ScheduleTicked = envelope(said, {
    id,
    type: 'schedule.ticked',
    subject: String(function_id),
    data: { function_id, function_version, owner, tick, outcome, job, missed: due.missed },
  })
  if (outcome !== 'started') return [ticked]
  const run = {
    ...{ job_id: jobId, function_id, function_version, owner },
    runtime: definition.runtime,
    input: event as Json,
    accepted_at: said.time,
    scheduled_for: tick,
    definition_seq: definitionSeq,
  }
  const caused = { ...saying, cause: { correlationid: id, causationid: id } }
  return [ticked, jobDelayed(run, said.time, 1, caused)]
}

const iso = (ms: number) => new Date(ms).toISOString()
