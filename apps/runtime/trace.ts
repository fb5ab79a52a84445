/**
 * W3C trace context: whose request this is, from HTTP through NATS headers to the run.
 *
 * Invariants:
 * 1. A header that is not exactly version 00 is no header: a fresh trace starts, nothing is repaired.
 * 2. Continuing keeps the trace id and the flags, and draws a new span id.
 *
 * Source: W3C Trace Context, section 3.2 (traceparent).
 */
import { randomFillSync } from 'node:crypto'

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)
const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
/** Whoever comes after us may record: our logs name the trace. */
const SAMPLED = '01'
/** One call into the random source serves some hundred requests. */
const BLOCK_BYTES = 8_192

export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** 16 hexadecimal digits. */
  readonly spanId: string
  /** 2 hexadecimal digits. */
  readonly flags: string
}

export function parseTraceparent(header: string | undefined): TraceContext | undefined {
  if (header === undefined) return undefined
  const [matched, traceId = NO_TRACE, spanId = NO_SPAN, flags = ''] = TRACEPARENT.exec(header) ?? []
  if (matched === undefined || traceId === NO_TRACE || spanId === NO_SPAN) return undefined
  return { traceId, spanId, flags }
}

/** The `traceparent` to hand on: the caller's trace under a new span, or a fresh trace. */
export function continueTrace(header: string | undefined): string {
  const caller = parseTraceparent(header)
  const traceId = caller?.traceId ?? randomHex(TRACE_ID_BYTES)
  return `00-${traceId}-${randomHex(SPAN_ID_BYTES)}-${caller?.flags ?? SAMPLED}`
}

const block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
let used = BLOCK_BYTES

function randomHex(bytes: number): string {
  if (used + bytes > BLOCK_BYTES) {
    randomFillSync(block)
    used = 0
  }
  used += bytes
  return block.toString('hex', used - bytes, used)
}
