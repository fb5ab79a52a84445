/** A key in hand: who has it says the next word, and nobody who was too slow. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Appender } from '#events/jetstream/append.ts'
import { openPayloads } from '#events/jetstream/payloads.ts'
import { HeldKey, LEASE_MS, type Hold } from '../../apps/edge/idempotency/held-key.ts'
import { KeyLog } from '../../apps/edge/idempotency/key-log.ts'
import { quietLog } from '../support/quiet-log.ts'
import { SIZES, startLog, type TestLog } from './log-fixture.ts'

let log: TestLog
let keys: KeyLog
before(async () => {
  log = await startLog()
  const { bus } = log
  const payloads = await openPayloads(bus.nc, { ...SIZES, eventTtlDays: 1 })
  keys = new KeyLog({ bus, payloads, appender: new Appender(bus.rpc, { giveUpAfterMs: 5_000 }) })
})
after(() => log[Symbol.asyncDispose]())

const hold = (fields: Partial<Hold> = {}): Hold => ({
  digest: randomUUID(),
  fingerprint: 'f',
  cause: { correlationid: 'test' },
  seq: 0,
  before: null,
  ...fields,
})

async function taken(asked: Hold): Promise<HeldKey> {
  const held = await HeldKey.take(keys, quietLog('test'), asked)
  assert.ok(held)
  return held
}

const ids = { take: () => 7 }
const wordOn = async (digest: string) => (await keys.newest(digest))?.event

test('of many who want a free key one gets it', async () => {
  const asked = hold()
  const all = await Promise.all(
    Array.from({ length: 20 }, () => HeldKey.take(keys, quietLog('test'), asked)),
  )
  using winner = all.find((held) => held !== undefined)
  assert.ok(winner)
  assert.equal(all.filter((held) => held !== undefined).length, 1)
})

test('the id is in the log before anybody gets it', async () => {
  const asked = hold()
  using held = await taken(asked)
  assert.equal(await held.newId(ids), 7)
  const word = await wordOn(asked.digest)
  assert.equal(word?.type === 'key.held' && word.data.created_id, 7)
})

test('a holder whose lease is over starts nothing', async (t) => {
  using held = await taken(hold())
  held.requireMine()
  const now = Date.now()
  t.mock.timers.enable({ apis: ['Date'], now: now + LEASE_MS })
  assert.throws(() => held.requireMine(), { code: 'CONFLICT' })
})

test('a holder who was overtaken starts nothing and says nothing any more', async () => {
  const asked = hold()
  using slow = await taken(asked)
  const seq = (await keys.newest(asked.digest))?.seq ?? 0
  using taker = await taken({ ...asked, seq, before: 9 })
  await assert.rejects(slow.newId(ids), { code: 'CONFLICT' })
  assert.throws(() => slow.requireMine(), { code: 'CONFLICT' })
  await slow.answered({ status: 200, body: '"slow"' })
  await slow.release()
  assert.equal((await wordOn(asked.digest))?.type, 'key.held')
  assert.equal(await taker.newId(ids), 9)
  await taker.answered({ status: 201, body: '"taken"' })
  const word = await wordOn(asked.digest)
  assert.equal(word?.type === 'key.answered' && word.data.body, '"taken"')
})

test('a key that is handed on can be taken at once, with its id', async () => {
  const asked = hold()
  using held = await taken(asked)
  await held.newId(ids)
  await held.handOn()
  const word = await wordOn(asked.digest)
  assert.ok(word?.type === 'key.held' && Date.parse(word.data.lease_until) <= Date.now())
  assert.equal(word.data.created_id, 7)
})
