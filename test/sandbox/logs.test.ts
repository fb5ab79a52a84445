/** How a run's output becomes lines, and what they may cost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '#sandbox/contract.ts'
import { LogBuffer } from '#sandbox/logs.ts'

const jsonBytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value))

function printed(text: string | Buffer, stream: 'stdout' | 'stderr' = 'stdout') {
  const logs = new LogBuffer()
  logs.add(stream, Buffer.from(text))
  const lines = logs.lines()
  return { lines, texts: lines.map((line) => line.text), truncated: logs.truncated }
}

test('each line is an entry, the last one without its newline too', () => {
  const { texts, truncated } = printed('one\r\n\nthree\nfour')
  assert.deepEqual(texts, ['one', '', 'three', 'four'])
  assert.equal(truncated, false)
})

test('a line may come in pieces, beside the other stream', () => {
  const logs = new LogBuffer()
  logs.add('stdout', Buffer.from('a'))
  logs.add('stderr', Buffer.from('x\n'))
  logs.add('stdout', Buffer.from('b\n'))
  const lines = logs.lines().map(({ stream, text }) => `${stream} ${text}`)
  assert.deepEqual(lines, ['stderr x', 'stdout ab'])
})

const floods: Record<string, string | Buffer> = {
  newlines: '\n'.repeat(65_535),
  'one letter per line': 'x\n'.repeat(32_768),
  'control characters': '\u0001'.repeat(65_536),
  'bytes that are no text': Buffer.alloc(65_536, 0xff),
  'quotes and backslashes': '"\\'.repeat(32_768),
  'letters of four bytes': '\u{1f600}'.repeat(16_384),
}

for (const [what, text] of Object.entries(floods)) {
  test(`a flood of ${what} stays within the size of its JSON`, () => {
    for (const stream of ['stdout', 'stderr'] as const) {
      const { lines } = printed(text, stream)
      const bytes = jsonBytes(lines)
      assert.ok(bytes <= LIMITS.logJsonBytes, `${bytes} bytes`)
      assert.ok(bytes > LIMITS.logKeptBytes, 'what fits is kept')
    }
  })
}

test('what had to be cut is told, and is still text', () => {
  const { texts, truncated } = printed('\u0001\u0001\u0001\u{1f600}'.repeat(9_000))
  assert.ok(truncated)
  assert.ok(texts.every((text) => text.isWellFormed()))
})

test('a thousand lines of ordinary text are kept whole, further ones join the last', () => {
  const many = Array.from({ length: 1500 }, (_, n) => `line ${n}`)
  const { texts, truncated } = printed(`${many.join('\n')}\n`)
  assert.equal(truncated, false)
  assert.equal(texts.length, 1000)
  assert.equal(texts.join('\n'), many.join('\n'))
  const full = `${'y'.repeat(64)}\n`.repeat(1000)
  assert.equal(printed(full).truncated, false)
})

test('a stream that speaks late has an entry of its own', () => {
  const logs = new LogBuffer()
  logs.add('stdout', Buffer.from('x\n'.repeat(2000)))
  logs.add('stderr', Buffer.from('at last\nand again\n'))
  assert.equal(logs.lines().at(-1)?.text, 'at last\nand again')
})
