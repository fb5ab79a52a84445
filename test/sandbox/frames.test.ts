import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodeCall,
  encodeFrame,
  type Frame,
  FrameError,
  FrameReader,
  frameType,
  HEADER_BYTES,
} from '#sandbox/frames.ts'

function read(chunks: readonly Buffer[], maxPayloadBytes = 1000): [number, number, string][] {
  const reader = new FrameReader(maxPayloadBytes)
  const frames: Frame[] = []
  for (const chunk of chunks) reader.push(chunk, (frame) => frames.push(frame))
  return frames.map(({ type, id, payload }) => [type, id, payload.toString()])
}

test('a frame comes out as it went in', () => {
  const frame = encodeFrame(frameType.load, 0xfffffffe, 'grüß ☃')
  assert.deepEqual(read([frame]), [[frameType.load, 0xfffffffe, 'grüß ☃']])
})

test('frames are found wherever the stream is cut', () => {
  const stream = Buffer.concat([
    encodeFrame(1, 1, ''),
    encodeFrame(2, 2, 'two'),
    encodeFrame(3, 3, 'x'.repeat(300)),
    encodeFrame(4, 4, ''),
  ])
  const whole = read([stream])
  assert.equal(whole.length, 4)
  for (let size = 1; size <= stream.length; size += 1) {
    const chunks: Buffer[] = []
    for (let at = 0; at < stream.length; at += size) chunks.push(stream.subarray(at, at + size))
    assert.deepEqual(read(chunks), whole, `in pieces of ${size}`)
  }
})

test('a length above the cap is refused before its payload arrives', () => {
  const header = encodeFrame(1, 1, 'x'.repeat(11)).subarray(0, HEADER_BYTES)
  assert.throws(() => read([header], 10), FrameError)
  const [first, rest] = [header.subarray(0, 5), header.subarray(5)]
  assert.throws(() => read([first, rest], 10), FrameError)
  assert.equal(read([encodeFrame(1, 1, 'x'.repeat(10))], 10).length, 1)
})

test('a call carries its context and its event, behind the frame that loads', () => {
  const load = encodeFrame(frameType.load, 9, '{"code":"…"}')
  const frames = read([encodeCall(9, '{"a":"ä"}', '["é"]', load)])
  assert.deepEqual(frames[0], [frameType.load, 9, '{"code":"…"}'])
  const [type, id, payload] = frames[1] ?? assert.fail('there is no call')
  assert.deepEqual([type, id], [frameType.call, 9])
  const bytes = Buffer.from(payload)
  const contextBytes = bytes.readUInt32LE(0)
  assert.equal(bytes.subarray(4, 4 + contextBytes).toString(), '{"a":"ä"}')
  assert.equal(bytes.subarray(4 + contextBytes).toString(), '["é"]')
})
