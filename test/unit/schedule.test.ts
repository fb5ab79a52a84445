import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Problem } from '#domain/problem.ts'
import { decideTick, dueTick, requireSchedule, ticksOf } from '#domain/schedule.ts'
import { LATE_MAX_MS, type Schedule } from '#events/schedules.ts'

const at = (text: string) => Date.parse(text)
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString())

/** The next ticks behind `from`. */
function ticks(schedule: Schedule, from: string, count: number): (string | undefined)[] {
  const { after } = ticksOf(schedule)
  const found: (string | undefined)[] = []
  for (let ms: number | undefined = at(from); found.length < count && ms !== undefined;) {
    ms = after(ms)
    found.push(iso(ms))
  }
  return found
}

describe('the ticks of a schedule', () => {
  const cases: readonly (readonly [what: string, Schedule, from: string, string[]])[] = [
    [
      'come every minute, and not at the moment itself',
      { cron: '* * * * *' },
      '2026-01-01T00:00:00.000Z',
      ['2026-01-01T00:01:00.000Z', '2026-01-01T00:02:00.000Z'],
    ],
    [
      'may have seconds',
      { cron: '*/20 * * * * *' },
      '2026-01-01T00:00:30.500Z',
      ['2026-01-01T00:00:40.000Z', '2026-01-01T00:01:00.000Z'],
    ],
    [
      'may have a name',
      { cron: '@daily', time_zone: 'Asia/Kolkata' },
      '2026-01-01T00:00:00.000Z',
      ['2026-01-01T18:30:00.000Z', '2026-01-02T18:30:00.000Z'],
    ],
    [
      'know the leap day',
      { cron: '0 0 29 2 *' },
      '2026-01-01T00:00:00.000Z',
      ['2028-02-29T00:00:00.000Z', '2032-02-29T00:00:00.000Z'],
    ],
    [
      'of a fixed time come right behind the gap when the clock skips them',
      { cron: '30 2 * * *', time_zone: 'Europe/Berlin' },
      '2026-03-28T12:00:00.000Z',
      ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z'],
    ],
    [
      'of a fixed time come once when the clock repeats them',
      { cron: '30 2 * * *', time_zone: 'Europe/Berlin' },
      '2026-10-24T12:00:00.000Z',
      ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
    ],
    [
      'of fixed times among several come once, too',
      { cron: '30 1,2 * * *', time_zone: 'Europe/Berlin' },
      '2026-10-24T12:00:00.000Z',
      ['2026-10-24T23:30:00.000Z', '2026-10-25T00:30:00.000Z', '2026-10-26T00:30:00.000Z'],
    ],
    [
      'of an interval go by real time when the clock repeats an hour',
      { cron: '*/30 * * * *', time_zone: 'Europe/Berlin' },
      '2026-10-25T00:00:00.000Z',
      ['2026-10-25T00:30:00.000Z', '2026-10-25T01:00:00.000Z', '2026-10-25T01:30:00.000Z'],
    ],
    [
      'of an interval go by real time when the clock skips an hour',
      { cron: '*/30 * * * *', time_zone: 'Europe/Berlin' },
      '2026-03-29T00:30:00.000Z',
      ['2026-03-29T01:00:00.000Z', '2026-03-29T01:30:00.000Z'],
    ],
  ]
  for (const [what, schedule, from, expected] of cases) {
    it(what, () => {
      assert.deepEqual(ticks(schedule, from, expected.length), expected)
      const { upTo } = ticksOf(schedule)
      for (const tick of expected) {
        assert.equal(iso(upTo(at(tick))), tick, 'the same, seen from the tick itself')
        assert.equal(iso(upTo(at(tick) + 999)), tick, 'and from right behind it')
      }
    })
  }
})

describe('a schedule that nobody can go by', () => {
  const bad: readonly (readonly [field: string, Schedule])[] = [
    ['schedule.cron', { cron: '* * * *' }],
    ['schedule.cron', { cron: '* * * * * * *' }],
    ['schedule.cron', { cron: '61 * * * *' }],
    ['schedule.cron', { cron: '@reboot' }],
    ['schedule.cron', { cron: ' ' }],
    ['schedule.cron', { cron: '2030-01-01T00:00:00' }],
    ['schedule.cron', { cron: '0 0 30 2 *' }],
    ['schedule.time_zone', { cron: '* * * * *', time_zone: 'Mars/Olympus' }],
    ['schedule.time_zone', { cron: '* * * * *', time_zone: '+02:00' }],
  ]
  for (const [field, schedule] of bad) {
    it(`names ${field}: ${JSON.stringify(schedule)}`, () => {
      const isNamed = (error: unknown) =>
        error instanceof Problem &&
        error.code === 'INVALID_REQUEST' &&
        (error.details as { field: string }).field === field
      assert.throws(() => requireSchedule(schedule, at('2026-01-01T00:00:00Z')), isNamed)
    })
  }
})

describe('a tick that is due', () => {
  const hourly = ticksOf({ cron: '@hourly' })
  const NOON = at('2026-01-01T12:00:00.000Z')
  const HOUR = 3_600_000

  it('is the one that has just come', () => {
    const due = dueTick(hourly, NOON - HOUR, NOON + 5)
    assert.deepEqual(due, { tick: NOON, inTime: true, missed: null })
  })

  it('is none before its time, nor twice, nor when the clock was set back', () => {
    assert.equal(dueTick(hourly, NOON, NOON + HOUR - 1), undefined)
    assert.equal(dueTick(hourly, NOON, NOON + 5), undefined)
    assert.equal(dueTick(hourly, NOON, NOON - 3 * HOUR), undefined)
  })

  it('is only the latest one after a while without anybody; the others are told', () => {
    const due = dueTick(hourly, NOON - 5 * HOUR, NOON + 30 * 60_000)
    const missed = { first: iso(NOON - 4 * HOUR), last: iso(NOON - HOUR), count: 4 }
    assert.deepEqual(due, { tick: NOON, inTime: true, missed })
  })

  it('is told and not run when it is too late', () => {
    const daily = ticksOf({ cron: '0 12 * * *' })
    const missed = { first: iso(NOON), last: iso(NOON), count: 1 }
    const since = NOON - 1
    assert.deepEqual(dueTick(daily, since, NOON + LATE_MAX_MS), {
      tick: NOON,
      inTime: false,
      missed,
    })
    assert.equal(dueTick(daily, since, NOON + LATE_MAX_MS - 1)?.inTime, true)
  })

  it('does not count very many', () => {
    const every = ticksOf({ cron: '* * * * * *' })
    assert.equal(dueTick(every, NOON - 100_000, NOON)?.missed?.count, 99)
    assert.equal(dueTick(every, NOON - 30 * 24 * HOUR, NOON)?.missed?.count, null)
  })
})

describe('what becomes of a tick', () => {
  const NOON = at('2026-01-01T12:00:00.000Z')
  const saying = { source: 'test', time: '2026-01-01T12:00:00.007Z' }
  const before = { job_id: 6, accepted_at: '2026-01-01T11:00:00.000Z' }
  const decide = (schedule: Partial<Schedule>, isRunning: boolean, inTime = true) => {
    const whole = { cron: '@hourly', ...schedule }
    return decideTick(
      {
        version: {
          ...{ function_id: 3, owner: 'ann', version: 4 },
          definition: {
            ...{ name: 'n', runtime: 'python', code: '', execution_type: 'sync' },
            ...{ timeout_ms: 1, memory_mb: 64, schedule: whole },
          },
          ...{ created_at: saying.time, updated_at: saying.time },
        },
        schedule: whole,
        definitionSeq: 99,
        due: { tick: NOON, inTime, missed: null },
        ...{ before, isRunning, jobId: 7 },
      },
      saying,
    )
  }

  it('is a job like any other, due at once', () => {
    const [ticked, delayed] = decide({ event: { n: 1 } }, false)
    assert.equal(ticked.data.outcome, 'started')
    assert.deepEqual(ticked.data.job, { job_id: 7, accepted_at: saying.time })
    assert.deepEqual(delayed?.data, {
      ...{ job_id: 7, function_id: 3, function_version: 4, runtime: 'python', owner: 'ann' },
      ...{ input: { n: 1 }, accepted_at: saying.time, scheduled_for: iso(NOON) },
      ...{ definition_seq: 99, attempt: 1, due_at: saying.time },
    })
    assert.equal(delayed?.causationid, ticked.id)
  })

  it('is the same event whoever decides it', () => {
    assert.equal(decide({}, false)[0].id, decide({}, true)[0].id)
  })

  it('is skipped while the job before has not ended, unless they may overlap', () => {
    const [skipped, none] = decide({}, true)
    assert.equal(none, undefined)
    assert.deepEqual([skipped.data.outcome, skipped.data.job], ['overlapped', before])
    assert.equal(decide({ overlap: 'allow' }, true)[0].data.outcome, 'started')
  })

  it('is told and no more when it is too late', () => {
    const [missed, none] = decide({}, false, false)
    assert.equal(none, undefined)
    assert.deepEqual([missed.data.outcome, missed.data.job], ['missed', before])
  })
})
