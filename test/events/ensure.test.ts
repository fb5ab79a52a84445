/** What the server may set aside: enough for our streams, or a clear and final no. */
import assert from 'node:assert/strict'
import { totalmem } from 'node:os'
import { test } from 'node:test'
import { ensureStreams } from '#events/jetstream/ensure.ts'
import { openIds } from '#events/jetstream/ids.ts'
import { openPayloads } from '#events/jetstream/payloads.ts'
import { CALLS, IDS_BYTES, reservedBytes } from '#events/streams.ts'
import { untilDone } from '#runtime/retry.ts'
import { quietLog } from '#test/support/quiet-log.ts'
import { startNats } from '#test/support/nats.ts'
import { connectTo, SIZES, startLog } from './log-fixture.ts'

const SMALL_MACHINE_BYTES = 1024 ** 3

test('streams and stores reserve what is said, and little memory', async () => {
  await using log = await startLog()
  const { jsm, nc } = log.bus
  await openPayloads(nc, { ...SIZES, eventTtlDays: 30 })
  await openIds(nc, 'job')
  const { reserved_storage, reserved_memory } = await jsm.getAccountInfo()
  assert.equal(reserved_storage, reservedBytes(SIZES))
  const { max_bytes } = (await jsm.streams.info(CALLS)).config
  assert.equal(reserved_memory, max_bytes)
  assert.ok(max_bytes <= Math.min(SMALL_MACHINE_BYTES, totalmem()) / 4)
})

test('what exists gets the bounds that are configured now', async () => {
  await using log = await startLog()
  const { jsm, nc } = log.bus
  await openPayloads(nc, { ...SIZES, eventTtlDays: 30 })
  for (const maxBytes of [2 * SIZES.maxBytes, SIZES.maxBytes / 2]) {
    await ensureStreams(jsm, { maxBytes })
    await openPayloads(nc, { maxBytes, eventTtlDays: 7 })
    const { reserved_storage } = await jsm.getAccountInfo()
    assert.equal(reserved_storage, reservedBytes({ maxBytes }) - IDS_BYTES)
  }
})

test('a server that refuses a stream for good is not asked for ever', async () => {
  await using nats = await startNats()
  await using bus = await connectTo(nats)
  const tooLarge = () => ensureStreams(bus.jsm, { maxBytes: 2 ** 50 })
  const { signal } = new AbortController()
  const log = quietLog('test')
  await assert.rejects(untilDone(tooLarge, { what: 'streams', log, signal }), /insufficient/)
})
