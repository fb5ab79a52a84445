import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { continueTrace, parseTraceparent } from '#runtime/trace.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

describe('traceparent', () => {
  it('is read into its parts', () => {
    const parts = { traceId: TRACE, spanId: SPAN, flags: '01' }
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), parts)
  })

  it('keeps the trace and the flags, and gets a span of its own, when continued', () => {
    const next = parseTraceparent(continueTrace(`00-${TRACE}-${SPAN}-00`))
    assert.equal(next?.traceId, TRACE)
    assert.equal(next.flags, '00')
    assert.notEqual(next.spanId, SPAN)
  })

  const malformed = {
    'no header': undefined,
    'an empty header': '',
    'another version': `01-${TRACE}-${SPAN}-01`,
    'capital letters': `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    'a trace of zeros': `00-${'0'.repeat(32)}-${SPAN}-01`,
    'a span of zeros': `00-${TRACE}-${'0'.repeat(16)}-01`,
    'a short trace': `00-${TRACE.slice(1)}-${SPAN}-01`,
    'more behind it': `00-${TRACE}-${SPAN}-01-x`,
    'a line break behind it': `00-${TRACE}-${SPAN}-01\n`,
  }
  for (const [what, header] of Object.entries(malformed)) {
    it(`starts a fresh trace for ${what}`, () => {
      assert.equal(parseTraceparent(header), undefined)
      const fresh = parseTraceparent(continueTrace(header))
      assert.ok(fresh, 'what we hand on is well formed')
      assert.notEqual(fresh.traceId, TRACE)
    })
  }

  it('never repeats an id, also where one block of random bytes ends and the next begins', () => {
    const seen = new Set<string>()
    for (let i = 0; i < 5_000; i++) {
      const { traceId = '', spanId = '' } = parseTraceparent(continueTrace(undefined)) ?? {}
      seen.add(traceId).add(spanId)
    }
    assert.equal(seen.size, 10_000)
  })
})
