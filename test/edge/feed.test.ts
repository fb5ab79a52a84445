/** The position of a reader: what it is told to go on behind must leave nothing out. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { headers as natsHeaders } from '@nats-io/nats-core'
import { openPayloads, type Payloads } from '#events/jetstream/payloads.ts'
import { subjects } from '#events/subjects.ts'
import { createTelemetry } from '#runtime/telemetry.ts'
import { quietLog } from '#test/support/quiet-log.ts'
import { until } from '#test/support/until.ts'
import { Feed } from '../../apps/edge/feed/feed.ts'
import { EVERYTHING } from '../../apps/edge/feed/filter.ts'
import { SIZES, startLog, type TestLog } from '../events/log-fixture.ts'

const HEARTBEAT_MS = 5_000

async function openFeed(stack: AsyncDisposableStack) {
  const log = stack.use(await startLog())
  const payloads = await openPayloads(log.bus.nc, { ...SIZES, eventTtlDays: 1 })
  const store = new SlowStore(payloads)
  const telemetry = stack.use(createTelemetry({ process: 'test', instance: 't1' }))
  const stopping = new AbortController()
  const feed = stack.use(
    new Feed({
      ...{ bus: log.bus, payloads: store, telemetry, log: quietLog('test') },
      ...{ stopping: stopping.signal, heartbeatMs: HEARTBEAT_MS },
      seats: { max: 100, maxPerOwner: 100 },
    }),
  )
  return { log, feed, store, stopping }
}

/** The real store, whose answers wait while it is held. */
class SlowStore implements Payloads {
  readonly #payloads: Payloads
  readonly seal: Payloads['seal']
  readonly sealJob: Payloads['sealJob']
  readonly #held = Promise.withResolvers<void>()
  asked = 0

  constructor(payloads: Payloads) {
    this.#payloads = payloads
    this.seal = (envelope, keep) => payloads.seal(envelope, keep)
    this.sealJob = (event) => payloads.sealJob(event)
  }

  readonly open: Payloads['open'] = (message) => {
    if (message.data.length > 0) return this.#payloads.open(message)
    this.asked++
    return this.#held.promise.then(() => this.#payloads.open(message))
  }

  release(): void {
    this.#held.resolve()
  }
}

let said = 0
async function say({ bus }: TestLog, payloads: Payloads, size = 10): Promise<number> {
  const sealed = await payloads.seal(
    {
      ...{ specversion: '1.0', id: `said-${said++}`, source: 'sluice/test' },
      ...{ type: 'job.succeeded', version: 1, time: new Date().toISOString(), subject: '1' },
      ...{ correlationid: 'c', data: { owner: 'ada', result: 'x'.repeat(size) } },
    },
    'as-long-as-the-log',
  )
  const headers = natsHeaders()
  for (const [name, value] of sealed.headers ?? []) headers.set(name, value)
  const subject = subjects.jobEvent(1, 'succeeded')
  return (await bus.js.publish(subject, sealed.payload, { headers })).seq
}

const ADA = { owner: 'ada', filter: EVERYTHING, stillMay: async () => true }

it('is not behind an event that is still being loaded', async () => {
  await using stack = new AsyncDisposableStack()
  const { log, feed, store } = await openFeed(stack)
  const reader = await feed.subscribe(ADA)
  const begun = reader.position
  const reading = reader.next()
  const seq = await say(log, store, 300_000)
  await until(() => store.asked > 0)
  assert.equal(reader.position, begun)
  assert.equal(reader.isIdle, false)
  store.release()
  assert.deepEqual(
    (await reading).map((event) => event.seq),
    [seq],
  )
  assert.equal(reader.position, seq)
})

it('is not behind what waited for a reader that was cut off', async () => {
  await using stack = new AsyncDisposableStack()
  const { log, feed, store, stopping } = await openFeed(stack)
  const reader = await feed.subscribe(ADA)
  const other = await feed.subscribe(ADA)
  const reading = reader.next()
  const first = await say(log, store)
  await reading
  const last = await say(log, store)
  for (let seen = 0; seen < last;) seen = (await other.next()).at(-1)?.seq ?? 0
  stopping.abort()
  assert.equal(reader.end, 'stopping')
  assert.deepEqual(await reader.next(), [])
  assert.equal(reader.position, first)
})
