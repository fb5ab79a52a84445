/** Functions that run by themselves: one job a tick, whoever decides it and whoever is killed. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Bus } from '#events/jetstream/bus.ts'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import type { ScheduleTicked } from '#events/schedules.ts'
import { EVENTS } from '#events/streams.ts'
import { subjects } from '#events/subjects.ts'
import { startPlatform, STREAM_BYTES, type TestPlatform } from '#test/support/platform.ts'
import { until } from '#test/support/until.ts'
import { start, stop, type Run } from '../../apps/local/program.ts'
import { FunctionsApi, type Job } from './functions-api.ts'

interface ScheduledJob extends Job {
  readonly trigger: string
  readonly scheduled_for: string | null
  readonly run_at: string | null
}

interface ScheduledFunction {
  readonly schedule: Readonly<Record<string, unknown>> | null
}

const HANDLER = fileURLToPath(new URL('../../apps/handler/main.ts', import.meta.url))
const SECOND_MS = 1_000
const EVERY_SECOND = '* * * * * *'

let platform: TestPlatform
let api: FunctionsApi
let bus: Bus
let second: Run | undefined
before(async () => {
  platform = await startPlatform()
  api = new FunctionsApi(platform.url)
  bus = await platform.openBus()
  second = await startHandler()
})
after(async () => {
  if (second !== undefined) await stop(second, 'SIGTERM', 10_000)
  await platform[Symbol.asyncDispose]()
})

async function startHandler(): Promise<Run> {
  const { natsUrl, databaseUrl } = platform
  const env = {
    ...{ ...process.env, NATS_URL: natsUrl, DATABASE_URL: databaseUrl },
    MAX_STREAM_BYTES: String(STREAM_BYTES),
  }
  const command = { file: process.execPath, args: [HANDLER], env, deathSignal: 'KILL' as const }
  const run = await start({
    name: 'handler',
    stopSignal: 'SIGTERM',
    command: async () => command,
    isReady: (line) => line.includes('"event":"ready"'),
    onLine: () => undefined,
  })
  await run.ready
  return run
}

const jobsOf = async (id: number) =>
  (await api.jobs(id, '?per_page=100')).toReversed() as unknown as readonly ScheduledJob[]

/** As soon as there are so many jobs. */
const manyJobs = (id: number, count: number) =>
  until(
    async () => {
      const jobs = await jobsOf(id)
      return jobs.length >= count ? jobs : undefined
    },
    { what: `${count} jobs of function ${id}` },
  )

async function ticksOf(id: number): Promise<ScheduleTicked['data'][]> {
  const found: ScheduleTicked['data'][] = []
  const options = { filter_subjects: subjects.scheduleTicked(id) }
  await readToEnd(bus, EVENTS, options, (message) => {
    found.push(message.json<ScheduleTicked>().data)
  })
  return found
}

/** Every second from the first tick to the last one is decided once, and told if it was not run. */
function requireWhole(ticks: readonly ScheduleTicked['data'][]): void {
  for (const [index, { tick, missed }] of ticks.entries()) {
    const before = ticks[index - 1]
    if (before === undefined) continue
    const behind = Date.parse(before.tick) + SECOND_MS
    assert.equal(missed?.first ?? tick, new Date(behind).toISOString())
  }
}

/** Not one tick has two jobs, and each job is the one that its tick names. */
function requireSame(
  jobs: readonly ScheduledJob[],
  ticks: readonly ScheduleTicked['data'][],
): void {
  const made = ticks.filter(({ outcome }) => outcome === 'started')
  const named = new Map(made.map(({ tick, job }) => [tick, job?.job_id]))
  assert.equal(new Set(jobs.map(({ scheduled_for }) => scheduled_for)).size, jobs.length)
  for (const { id, scheduled_for } of jobs) assert.equal(named.get(scheduled_for ?? ''), id)
}

describe('a function with a schedule', () => {
  it('runs once a tick, with the event of its schedule, however many handlers are up', async () => {
    const id = await api.register({
      code: 'def handler(event, context): return [event, context["scheduled_for"]]',
      schedule: { cron: EVERY_SECOND, event: { n: 1 }, overlap: 'allow' },
    })
    const [first] = await manyJobs(id, 5)
    assert.ok(first)
    await api.change(id, { schedule: null })
    const jobs = await jobsOf(id)
    const ticks = await ticksOf(id)
    requireWhole(ticks)
    requireSame(jobs, ticks)
    assert.equal(jobs.length, ticks.length, 'N ticks, N jobs')
    for (const { id: job } of jobs) {
      const { result, status, trigger, scheduled_for, run_at } = (await api.ended(
        job,
      )) as ScheduledJob
      assert.deepEqual([status, trigger, run_at], ['success', 'schedule', null])
      assert.deepEqual(result, [{ n: 1 }, scheduled_for])
    }
  })

  it('goes on when handlers are killed, and no tick has two jobs', async () => {
    const id = await api.register({ schedule: { cron: EVERY_SECOND, overlap: 'allow' } })
    await manyJobs(id, 2)
    await platform.kill('handler', 'SIGKILL')
    await manyJobs(id, 4)
    if (second !== undefined) await stop(second, 'SIGKILL', 10_000)
    await platform.kill('handler', 'SIGKILL')
    second = await startHandler()
    const { length } = await jobsOf(id)
    await manyJobs(id, length + 3)
    await api.change(id, { schedule: null })
    const ticks = await ticksOf(id)
    requireWhole(ticks)
    const made = ticks.filter(({ outcome }) => outcome === 'started').length
    const jobs = await manyJobs(id, made)
    assert.equal(jobs.length, made)
    requireSame(jobs, ticks)
    for (const { id: job } of jobs) assert.equal((await api.ended(job)).status, 'success')
  })

  it('skips a tick while the job before has not ended, and says so', async () => {
    const code = 'import time\ndef handler(event): time.sleep(2.5)'
    const id = await api.register({ code, schedule: { cron: EVERY_SECOND } })
    await manyJobs(id, 2)
    await api.change(id, { schedule: null })
    const ticks = await ticksOf(id)
    requireWhole(ticks)
    const jobs = await Promise.all(ticks.map(async ({ job }) => job && api.ended(job.job_id)))
    for (const [index, { outcome, tick, job }] of ticks.entries()) {
      const before = jobs[index - 1]
      if (before === undefined || before === null) continue
      const ended = (before as unknown as { finished_at: string }).finished_at
      // The read model's times are the executor's, which tells them a moment before the log has it.
      if (outcome === 'started') assert.ok(ended < (job?.accepted_at ?? ''))
      else assert.deepEqual([outcome, ended > tick], ['overlapped', true])
    }
    assert.ok(ticks.some(({ outcome }) => outcome === 'overlapped'))
  })

  it('shows when it runs next, and stops at once when it is changed or deleted', async () => {
    const id = await api.register({ schedule: { cron: EVERY_SECOND } })
    const shown = () => api.data<ScheduledFunction>(200, `/functions/${id}`)
    await manyJobs(id, 1)
    const { next_run_at, ...schedule } = (await shown()).schedule ?? {}
    const defaults = { time_zone: 'UTC', overlap: 'skip', event: {}, enabled: true }
    assert.deepEqual(schedule, { cron: EVERY_SECOND, ...defaults })
    assert.ok(Math.abs(Date.parse(next_run_at as string) - Date.now()) < 60_000)

    await api.change(id, { schedule: { cron: EVERY_SECOND, enabled: false } })
    const disabledAt = new Date().toISOString()
    assert.equal((await shown()).schedule?.['next_run_at'], null)

    const other = await api.register({ schedule: { cron: EVERY_SECOND } })
    await manyJobs(other, 3)
    const late = (await jobsOf(id)).filter(({ timestamp }) => timestamp > disabledAt)
    assert.deepEqual(late, [], 'the other one has had its ticks meanwhile')

    await api.change(id, { schedule: { cron: EVERY_SECOND } })
    const { length } = await jobsOf(id)
    await manyJobs(id, length + 1)
    await api.remove(other)
    const deletedAt = new Date().toISOString()
    await manyJobs(id, length + 3)
    assert.ok((await jobsOf(other)).every(({ timestamp }) => timestamp <= deletedAt))
    await api.change(id, { schedule: null })
    assert.equal((await shown()).schedule, null)
  })

  it('waits while the log is nearly full, and tells which ticks it has missed', async () => {
    const id = await api.register({ schedule: { cron: EVERY_SECOND, overlap: 'allow' } })
    await manyJobs(id, 1)
    const { config, state } = await bus.jsm.streams.info(EVENTS)
    await bus.jsm.streams.update(EVENTS, { max_bytes: Math.ceil(1.2 * state.bytes) })
    const waits = () => platform.lines.filter((line) => line.includes('"ticks_wait"')).length
    await until(() => waits() >= 4, { what: 'a word about ticks that wait' })
    await bus.jsm.streams.update(EVENTS, { max_bytes: config.max_bytes })
    const missing = async () => (await ticksOf(id)).some(({ missed }) => missed !== null)
    await until(missing, { what: 'a tick that tells of others' })
    const removed = async () => (await api.remove(id)).status === 204
    await until(removed, { what: 'the edge to see that there is room' })
    const ticks = await ticksOf(id)
    requireWhole(ticks)
    requireSame(await jobsOf(id), ticks)
  })

  const refusals: readonly (readonly [field: string, fields: Record<string, unknown>])[] = [
    ['schedule.cron', { schedule: { cron: 'now and then' } }],
    ['schedule.cron', { schedule: { cron: '0 0 30 2 *' } }],
    ['schedule.cron', { schedule: {} }],
    ['schedule.time_zone', { schedule: { cron: '@daily', time_zone: 'Mars/Olympus' } }],
    ['schedule.overlap', { schedule: { cron: '@daily', overlap: 'maybe' } }],
    ['schedule.every', { schedule: { cron: '@daily', every: 5 } }],
    [
      'schedule.event',
      { schedule: { cron: '@daily', event: {} }, schema: { params: { required: ['n'] } } },
    ],
  ]
  for (const [field, fields] of refusals) {
    it(`is refused, naming ${field}: ${JSON.stringify(fields.schedule)}`, async () => {
      const json = { name: 'refused', runtime: 'python', code: 'def handler(e): pass' }
      const request = { json: { ...json, execution_type: 'sync', ...fields } }
      const { code, details } = await api.refusal(400, '/functions', request)
      assert.deepEqual([code, details.field], ['INVALID_REQUEST', field])
    })
  }

  it('keeps an event that fits its schema, whichever of both is changed', async () => {
    const id = await api.register({ schedule: { cron: '@yearly', event: { n: 1 } } })
    const change = (json: unknown) => ({ method: 'PUT', json })
    const schema = { params: { required: ['m'] } }
    const { details } = await api.refusal(400, `/functions/${id}`, change({ schema }))
    assert.equal(details.field, 'schedule.event')
    await api.change(id, { schema, schedule: { cron: '@yearly', event: { m: 1 } } })
    await api.refusal(400, `/functions/${id}`, change({ schedule: { cron: '@yearly' } }))
    await api.change(id, { schema: null, schedule: { cron: '@yearly' } })
  })
})
