import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { AppendError, Appender, type Append } from '#events/jetstream/append.ts'
import { EVENTS } from '#events/streams.ts'
import { startLog, type TestLog } from './log-fixture.ts'

let log: TestLog
let appender: Appender
let named = 0

before(async () => {
  log = await startLog()
  appender = new Appender(log.bus.rpc, { giveUpAfterMs: 30_000 })
})
after(() => log[Symbol.asyncDispose]())

const message = (overrides: Partial<Append> = {}): Append => ({
  subject: 'evt.job.1.succeeded',
  id: `test:${++named}`,
  payload: '{}',
  ...overrides,
})
const many = (count: number) => Array.from({ length: count }, () => message())
const state = async () => (await log.bus.jsm.streams.info(EVENTS)).state
const conflict = (error: unknown) => error instanceof AppendError && error.code === 'CONFLICT'

describe('an appender', () => {
  it('tells each of many waiting callers the sequence of its own message', async () => {
    const messages = many(200)
    const appended = await Promise.all(messages.map((one) => appender.append(one)))
    assert.equal(new Set(appended.map(({ seq }) => seq)).size, messages.length)
    for (const [index, { seq }] of appended.entries()) {
      const stored = await log.bus.jsm.streams.getMessage(EVENTS, { seq })
      assert.equal(stored?.header.get('Nats-Msg-Id'), messages[index]?.id)
    }
  })

  it('stores a repeated message once, alone and among many others', async () => {
    const first = message()
    const { seq } = await appender.append(first)
    assert.deepEqual(await appender.append(first), { seq, duplicate: true })
    const before = (await state()).messages
    const crowd = [...many(60), first, ...many(60)]
    const appended = await Promise.all(crowd.map((one) => appender.append(one)))
    assert.deepEqual(appended[60], { seq, duplicate: true })
    assert.equal((await state()).messages, before + 120)
  })

  it('appends nothing of a decision that another aggregate has overtaken', async () => {
    const defining = { subject: 'evt.function.7.registered', expect: { seq: 0 } }
    const { seq } = await appender.append(message(defining))
    const tick = (last: number) =>
      message({ subject: 'evt.schedule.7.ticked', expect: { seq: last } })
    const job = () =>
      message({ subject: 'evt.job.7.delayed', expect: { seq, on: 'evt.function.7.*' } })
    const first = await appender.appendAtomically([tick(0), job()])
    await appender.append(message({ subject: 'evt.function.7.updated' }))
    const before = (await state()).messages
    await assert.rejects(appender.appendAtomically([tick(first.seq - 1), job()]), conflict)
    assert.equal((await state()).messages, before)
  })

  it('appends all of a decision or none of it', async () => {
    const first = [
      message({ subject: 'evt.function.1.registered', expect: { seq: 0, on: 'evt.function.1.*' } }),
      message({ subject: 'evt.function-name.local.a', expect: { seq: 0 } }),
    ]
    const { seq } = await appender.appendAtomically(first)
    const before = (await state()).messages
    const second = [
      message({ subject: 'evt.function-name.local.b', expect: { seq: 0 } }),
      message({ subject: 'evt.function.1.updated', expect: { seq: 0, on: 'evt.function.1.*' } }),
    ]
    await assert.rejects(appender.appendAtomically(second), conflict)
    assert.equal((await state()).messages, before)
    const third = [
      message({ subject: 'evt.function-name.local.b', expect: { seq: 0 } }),
      message({
        subject: 'evt.function.1.updated',
        expect: { seq: seq - 1, on: 'evt.function.1.*' },
      }),
    ]
    assert.equal((await appender.appendAtomically(third)).seq, before + 2)
  })

  it('says a single expectation that fails is a conflict', async () => {
    const claim = () => message({ subject: 'evt.function-name.local.c', expect: { seq: 0 } })
    await appender.append(claim())
    await assert.rejects(appender.append(claim()), conflict)
  })

  it('keeps the order of one caller that waits for each', async () => {
    let last = 0
    for (const one of many(50)) {
      const { seq } = await appender.append(one)
      assert.ok(seq > last)
      last = seq
    }
  })

  it('stores everything once although the server is killed in the middle', async () => {
    const before = (await state()).messages
    const pending = Promise.all(many(300).map((one) => appender.append(one)))
    await log.nats.kill()
    await log.nats.restart()
    const appended = await pending
    assert.equal(new Set(appended.map(({ seq }) => seq)).size, 300)
    assert.equal((await state()).messages, before + 300)
  })

  it('gives up with a clear error when the log stays away', async () => {
    const impatient = new Appender(log.bus.rpc, { giveUpAfterMs: 200 })
    await log.nats.kill()
    await assert.rejects(
      impatient.append(message()),
      (error) => error instanceof AppendError && error.code === 'UNAVAILABLE',
    )
    await log.nats.restart()
    await appender.append(message())
  })
})

describe('a full stream', () => {
  it('refuses instead of letting an old message fall out', async () => {
    const { jsm } = log.bus
    const first = (await state()).first_seq
    await jsm.streams.update(EVENTS, { max_bytes: (await state()).bytes + 2_000 })
    const payload = 'x'.repeat(1_000)
    const fill = async () => {
      for (let i = 0; i < 10; i++) await appender.append(message({ payload }))
    }
    await assert.rejects(
      fill(),
      (error) => error instanceof AppendError && error.code === 'STREAM_FULL',
    )
    assert.equal((await state()).first_seq, first)
  })
})
