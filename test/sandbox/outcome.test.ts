import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '#sandbox/contract.ts'
import { type Frame, frameType, USAGE_BYTES } from '#sandbox/frames.ts'
import { LogBuffer } from '#sandbox/logs.ts'
import { isDeeperThan, readAnswer } from '#sandbox/outcome.ts'

const limits = { wallMs: 10, memoryMb: 128 }

function frame(type: number, text: string, usage: readonly number[] = [1000, 2000, 4096]): Frame {
  const payload = Buffer.alloc(USAGE_BYTES + Buffer.byteLength(text))
  usage.forEach((value, index) => payload.writeDoubleLE(value, index * 8))
  payload.write(text, USAGE_BYTES)
  return { type, id: 1, payload }
}

test('figures from the sandbox are capped by what the host saw', () => {
  const usage = (...values: number[]) =>
    readAnswer(frame(frameType.result, '1', values), limits).usage
  assert.deepEqual(usage(1500, 2500, 4096), { durationMs: 1.5, cpuMs: 2.5, memoryBytes: 4096 })
  assert.deepEqual(usage(NaN, -1, Infinity), { durationMs: 0, cpuMs: 0, memoryBytes: 0 })
  const huge = usage(1e300, 1e300, 1e300)
  assert.equal(huge.durationMs, limits.wallMs)
  assert.ok(huge.cpuMs <= limits.wallMs * 64 && huge.memoryBytes <= 640 * 1024 * 1024)
})

test('a result that is not JSON, or that is cut short, breaks the protocol', () => {
  for (const bad of [
    frame(frameType.result, '{"a":'),
    frame(frameType.result, ''),
    frame(99, '1'),
  ]) {
    const reading = readAnswer(bad, limits)
    assert.ok(reading.broken && !reading.reusable && !reading.outcome.ok)
  }
  const short = { type: frameType.result, id: 1, payload: Buffer.alloc(USAGE_BYTES - 1) }
  assert.ok(readAnswer(short, limits).broken)
  assert.ok(readAnswer(frame(frameType.error, '[not json'), limits).broken)
})

test('depth is counted outside of strings, without recursion', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  assert.equal(isDeeperThan(nested(LIMITS.jsonDepth), LIMITS.jsonDepth), false)
  assert.equal(isDeeperThan(nested(LIMITS.jsonDepth + 1), LIMITS.jsonDepth), true)
  assert.equal(isDeeperThan(JSON.stringify('["\\'.repeat(5000)), LIMITS.jsonDepth), false)
  assert.equal(isDeeperThan(JSON.stringify(Array(5000).fill([])), LIMITS.jsonDepth), false)
  assert.equal(isDeeperThan(nested(500_000), LIMITS.jsonDepth), true)
})

test('a number that no double holds is an error, not a silent null', () => {
  for (const text of ['1e400', '[1,{"a":-1E+999}]', '9'.repeat(400)]) {
    const { outcome, reusable } = readAnswer(frame(frameType.result, text), limits)
    assert.ok(!outcome.ok && outcome.error.code === 'RUNTIME_ERROR' && reusable)
  }
  for (const text of ['1e308', '"1e400"', '0.' + '1'.repeat(400)]) {
    assert.ok(readAnswer(frame(frameType.result, text), limits).outcome.ok)
  }
})

test('an error’s fields are taken only if they are what they should be', () => {
  const text = JSON.stringify({
    kind: 'error',
    message: 1,
    type: 'T',
    line: -1,
    column: 1.5,
    stack: {},
  })
  const { outcome } = readAnswer(frame(frameType.error, text), limits)
  assert.deepEqual(outcome, { ok: false, error: { code: 'RUNTIME_ERROR', message: '', type: 'T' } })
})

test('lines are put together from pieces, by stream', () => {
  const logs = new LogBuffer()
  logs.add('stdout', Buffer.from('a'))
  logs.add('stderr', Buffer.from('x\n'))
  const snowman = Buffer.from('☃\r\nlast')
  logs.add('stdout', snowman.subarray(0, 1))
  logs.add('stdout', snowman.subarray(1))
  const lines = logs.lines().map(({ stream, text }) => [stream, text])
  assert.deepEqual(lines, [
    ['stderr', 'x'],
    ['stdout', 'a☃'],
    ['stdout', 'last'],
  ])
})

test('what is kept is bounded, what is counted is not', () => {
  const logs = new LogBuffer()
  for (let i = 0; i < 100; i += 1) logs.add('stdout', Buffer.alloc(10_000, 'x'))
  assert.equal(logs.seenBytes, 1_000_000)
  assert.ok(logs.truncated)
  const kept = logs.lines().reduce((sum, { text }) => sum + text.length, 0)
  assert.equal(kept, LIMITS.logKeptBytes)
})
