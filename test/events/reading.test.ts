import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Appender } from '#events/jetstream/append.ts'
import { consumeDurable, consumeExisting, consumeInOrder } from '#events/jetstream/consume.ts'
import { ensureDurable, ensureStreams } from '#events/jetstream/ensure.ts'
import { leaseBlocks, openIds } from '#events/jetstream/ids.ts'
import { RpcError } from '#events/jetstream/rpc.ts'
import { CALLS, callsDurable, COMMANDS, EVENTS, functionDurable } from '#events/streams.ts'
import { subjects, token } from '#events/subjects.ts'
import { until } from '#test/support/until.ts'
import { connectTo, SIZES, startLog, type TestLog } from './log-fixture.ts'

let log: TestLog
let appender: Appender
let named = 0
const onTrouble = () => undefined

before(async () => {
  log = await startLog()
  appender = new Appender(log.bus.rpc, { giveUpAfterMs: 30_000 })
})
after(() => log[Symbol.asyncDispose]())

const say = (subject: string) => appender.append({ subject, id: `r:${++named}`, payload: '{}' })

describe('reading in order', () => {
  it('misses and repeats nothing while the server is killed and comes back', async () => {
    const { last_seq } = (await log.bus.jsm.streams.info(EVENTS)).state
    const read: number[] = []
    const reading = consumeInOrder(log.bus, {
      stream: EVENTS,
      filter: 'evt.>',
      from: last_seq + 1,
      maxMessages: 100,
      onMessage: ({ seq }) => read.push(seq),
      onTrouble,
    })
    const said: number[] = []
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20; i++) said.push((await say('evt.job.1.succeeded')).seq)
      await log.nats.kill()
      await log.nats.restart()
    }
    said.push((await say('evt.job.1.succeeded')).seq)
    await until(() => read.at(-1) === said.at(-1))
    assert.deepEqual(read, said)
    await reading.stop()
  })

  it('can begin with the newest message of each subject', async () => {
    for (const fact of ['registered', 'updated', 'updated'] as const) {
      await say(subjects.functionEvent(5, fact))
    }
    const { seq: end } = await say(subjects.functionEvent(6, 'registered'))
    const read: string[] = []
    const reading = consumeInOrder(log.bus, {
      stream: EVENTS,
      filter: 'evt.function.*.*',
      from: 1,
      lastPerSubject: true,
      maxMessages: 100,
      onMessage: ({ subject, seq }) => read.push(`${subject}@${end - seq}`),
      onTrouble,
    })
    await until(() => read.length === 3)
    assert.deepEqual(read, [
      'evt.function.5.registered@3',
      'evt.function.5.updated@1',
      'evt.function.6.registered@0',
    ])
    await reading.stop()
  })
})

describe('reading through a durable', () => {
  it('goes on after its stream, which was in memory, is gone with the server', async () => {
    const heard: string[] = []
    const reading = consumeDurable(log.bus, {
      stream: CALLS,
      durable: callsDurable('python'),
      maxMessages: 10,
      onMessage: (message) => {
        heard.push(message.subject)
        message.ack()
      },
      onTrouble,
      ensure: () => ensureStreams(log.bus.jsm, SIZES),
    })
    const call = async (id: number) => {
      log.bus.nc.publish(subjects.call('python', id), '{}')
      await log.bus.nc.flush()
    }
    await until(async () => {
      await call(1)
      return heard.includes('call.python.1')
    })
    await log.nats.kill()
    await log.nats.restart()
    await until(async () => {
      await call(2)
      return heard.includes('call.python.2')
    })
    await reading.stop()
  })

  it('ends when a durable that somebody else owns is deleted', async () => {
    await ensureDurable(log.bus.jsm, COMMANDS, functionDurable(9, 4))
    const gone = Promise.withResolvers<void>()
    const heard: number[] = []
    const reading = consumeExisting(log.bus, {
      stream: COMMANDS,
      name: 'fn-9',
      maxMessages: 10,
      onMessage: (message) => {
        heard.push(message.seq)
        message.ack()
      },
      onTrouble,
      onGone: () => gone.resolve(),
    })
    const { seq } = await say(subjects.runJob('python', 9))
    await until(() => heard.includes(seq))
    await log.bus.jsm.consumers.delete(COMMANDS, 'fn-9')
    await gone.promise
    await reading.stop()
  })
})

describe('ids', () => {
  it('are unique over processes that lease at once, and rise within each', async () => {
    const leases = await Promise.all(
      Array.from({ length: 8 }, () => openIds(log.bus.nc, 'function')),
    )
    const taken = await Promise.all(
      leases.map(async (ids) => {
        const mine: number[] = []
        for (let i = 0; i < 2_500; i++) mine.push(await ids.take())
        return mine
      }),
    )
    for (const mine of taken)
      assert.deepEqual(
        mine,
        mine.toSorted((a, b) => a - b),
      )
    assert.equal(new Set(taken.flat()).size, 8 * 2_500)
  })

  it('are taken without waiting while a leased one is at hand', async () => {
    let leased = 0
    const ids = leaseBlocks(async () => ({ first: leased * 10 + 1, last: ++leased * 10 }))
    assert.equal(await ids.take(), 1)
    assert.equal(ids.take(), 2)
  })

  it('say that they cannot be leased to whoever needs one, and go on when they can', async () => {
    let broken = true
    const ids = leaseBlocks(async () => {
      if (broken) throw new Error('no server')
      return { first: 1, last: 10 }
    })
    await assert.rejects(Promise.resolve(ids.take()), /no server/)
    broken = false
    assert.equal(await ids.take(), 1)
  })
})

describe('a request', () => {
  it('ends at once when nobody is there', async () => {
    await assert.rejects(
      log.bus.rpc.request('nobody.listens', '', { timeoutMs: 10_000 }),
      (error) => error instanceof RpcError && error.code === 'NO_RESPONDERS',
    )
  })

  it('ends at once when the connection is lost', async () => {
    await using bus = await connectTo(log.nats)
    bus.nc.subscribe('silence', { callback: () => undefined })
    await bus.nc.flush()
    const asked = bus.rpc.request('silence', '', { timeoutMs: 60_000 })
    await log.nats.kill()
    await assert.rejects(
      asked,
      (error) => error instanceof RpcError && error.code === 'DISCONNECTED',
    )
    await log.nats.restart()
  })
})

describe('a question to JetStream', () => {
  it('is given up when the server is away', async () => {
    await using bus = await connectTo(log.nats)
    await log.nats.kill()
    await assert.rejects(bus.jsm.streams.info(EVENTS))
    await log.nats.restart()
  })
})

describe('a subject token', () => {
  it('stays readable where it can and never collides where it cannot', () => {
    const texts = ['greet', 'my-fn_1', 'my fn', '안녕', 'a.b', '*', '>', '--x', '--', '', 'ß', 'ss']
    const tokens = texts.map(token)
    assert.deepEqual(tokens.slice(0, 2), ['greet', 'my-fn_1'])
    assert.equal(new Set(tokens).size, texts.length)
    for (const one of tokens) assert.match(one, /^[-\w]+$/)
  })
})
