import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { jobDelayed } from '#domain/job.ts'
import { jobMessageId, type JobDelayed, type RunJob } from '#events/jobs.ts'
import { Appender } from '#events/jetstream/append.ts'
import { Later } from '#events/jetstream/later.ts'
import { openPayloads, type Payloads } from '#events/jetstream/payloads.ts'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import { COMMANDS, EVENTS, laterDurable } from '#events/streams.ts'
import { filters, subjects } from '#events/subjects.ts'
import { until } from '#test/support/until.ts'
import { SIZES, startLog, type TestLog } from './log-fixture.ts'

let log: TestLog
let payloads: Payloads
let appender: Appender
const trouble: unknown[] = []

before(async () => {
  log = await startLog()
  payloads = await openPayloads(log.bus.nc, { ...SIZES, eventTtlDays: 30 })
  appender = new Appender(log.bus.rpc, { giveUpAfterMs: 30_000 })
})
after(() => log[Symbol.asyncDispose]())

const startLater = () =>
  new Later({
    bus: log.bus,
    payloads,
    appender,
    source: 'test',
    prepare: () => undefined,
    onFired: () => undefined,
    onTrouble: (event, fields) => void trouble.push([event, fields]),
  })

let jobs = 0
/** The last one that somebody is to fire. */
let lastSeq = 0

async function delay(inMs: number, functionId: number, attempt = 1): Promise<JobDelayed> {
  const job_id = ++jobs
  const now = Date.now()
  const time = new Date(now).toISOString()
  const dueAt = new Date(now + inMs).toISOString()
  const data = {
    ...{ job_id, function_id: functionId, function_version: 3, definition_seq: 7 },
    ...{ runtime: 'python' as const, owner: 'local', input: { n: job_id }, accepted_at: time },
    run_at: dueAt,
  }
  const cause = {
    correlationid: `c${job_id}`,
    traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
  }
  const event = jobDelayed(data, dueAt, attempt, { source: 'test', time, cause })
  const subject = subjects.jobEvent(functionId, 'delayed')
  const sealed = await payloads.seal(event, 'as-long-as-the-log')
  const { seq } = await appender.append({ ...sealed, subject, id: event.id })
  lastSeq = Math.max(lastSeq, seq)
  return event
}

async function commandsOf(functionId: number) {
  const found: { id: string; at: number; trace: string | undefined; command: RunJob }[] = []
  const options = { filter_subjects: filters.runJobsOf(functionId) }
  await readToEnd(log.bus, COMMANDS, options, (message) => {
    found.push({
      id: message.headers?.get('Nats-Msg-Id') ?? '',
      at: message.info.timestampNanos / 1_000_000,
      trace: message.headers?.get('traceparent'),
      command: message.json<RunJob>(),
    })
  })
  return found
}

const settled = async () => {
  const { num_ack_pending, ack_floor } = await log.bus.jsm.consumers.info(EVENTS, 'later')
  return num_ack_pending === 0 && ack_floor.stream_seq >= lastSeq
}

describe('a delayed job', () => {
  it('becomes its run command when its time has come, and not before', async () => {
    await using firing = new AsyncDisposableStack()
    firing.use(startLater())
    const due = await delay(400, 1)
    await until(settled, { what: 'the firing' })
    const [fired, ...more] = await commandsOf(1)
    assert.ok(fired)
    assert.deepEqual(more, [])
    assert.equal(fired.id, jobMessageId.run(due.data.job_id))
    assert.ok(fired.at >= Date.parse(due.data.due_at), 'not before')
    assert.equal(fired.trace, due.traceparent)
    assert.deepEqual({ ...fired.command.data, due_at: due.data.due_at }, due.data)
    assert.equal(fired.command.type, 'job.run')
    assert.equal(fired.command.correlationid, due.correlationid)
    assert.equal(fired.command.causationid, due.id)
  })

  it('is fired once, however many processes fire and although the server is killed', async () => {
    await using firing = new AsyncDisposableStack()
    firing.use(startLater())
    firing.use(startLater())
    const due = await Promise.all(Array.from({ length: 60 }, (_, n) => delay(1_000 + 20 * n, 2)))
    await log.nats.kill()
    await log.nats.restart()
    await until(settled, { what: 'all firings' })
    const ids = (await commandsOf(2)).map(({ id }) => id)
    assert.deepEqual(
      ids.toSorted(),
      due.map(({ data }) => jobMessageId.run(data.job_id)).toSorted(),
    )
  })

  it('is not fired again when whoever fired it died before he could say so', async () => {
    const before = await Promise.all([
      delay(-3_600_000, 3),
      delay(-3_600_000, 3),
      delay(-3_600_000, 3, 2),
      delay(-3_600_000, 3),
    ])
    const [ended, untouched, second, failed] = before.map(({ data }) => data.job_id)
    assert.ok(ended !== undefined && untouched !== undefined)
    assert.ok(second !== undefined && failed !== undefined)
    const say = (fact: 'succeeded' | 'started' | 'retrying', id: string) =>
      appender.append({ subject: subjects.jobEvent(3, fact), id, payload: '{}' })
    await say('succeeded', jobMessageId.end(ended))
    // Too short to be shown as started, its command done with, and another attempt to come.
    await say('retrying', jobMessageId.retry(failed, 1))
    // The attempt before the one that is due.
    await say('started', jobMessageId.start(second, 1))
    await using firing = new AsyncDisposableStack()
    firing.use(startLater())
    await until(settled, { what: 'the firings' })
    const ids = (await commandsOf(3)).map(({ id }) => id)
    assert.deepEqual(
      ids.toSorted(),
      [jobMessageId.run(untouched), jobMessageId.run(second, 2)].toSorted(),
    )
  })

  it('is looked up when the durable was lost and everything comes anew', async () => {
    const ids = async () =>
      (await Promise.all([1, 2, 3].map(commandsOf))).flat().map(({ id }) => id)
    const before = await ids()
    await log.bus.jsm.consumers.delete(EVENTS, laterDurable.durable_name)
    await using firing = new AsyncDisposableStack()
    firing.use(startLater())
    const again = await delay(0, 4)
    await until(async () => (await commandsOf(4)).length === 1 && (await settled()), {
      what: `the firing of ${again.id}`,
    })
    assert.deepEqual(await ids(), before)
  })

  it('that nobody can read is buried, and does not hold up the others', async () => {
    const subject = subjects.jobEvent(5, 'delayed')
    // The parser cuts what it quotes in the middle of a character.
    const payload = `{"data":${'😀'.repeat(60)}`
    lastSeq = (await appender.append({ subject, id: 'broken', payload })).seq
    await using firing = new AsyncDisposableStack()
    firing.use(startLater())
    await until(settled, { what: 'the burial' })
    const letter = await log.bus.jsm.streams.getMessage('DEAD', {
      last_by_subj: 'dead.EVENTS.later',
    })
    assert.ok(letter)
    const { data } = letter.json<{ data: { subject: string; reason: string } }>()
    assert.equal(data.subject, subject)
    assert.match(data.reason, /is not valid JSON/)
    assert.ok(data.reason.isWellFormed(), JSON.stringify(data.reason))
  })
})
