/**
 * The control channel's frames: `u32 length | u8 type | u32 call id | payload`, little endian.
 *
 * Invariants:
 * 1. A length is checked against its cap before anything is buffered for it.
 * 2. The reader never copies a frame that arrived in one piece, and reserves the whole frame at
 *    once for one that did not.
 * 3. Whatever does not parse is a `FrameError`; the process that sent it is not worth a second try.
 */

export const HEADER_BYTES = 9
/** f64 duration (µs), f64 CPU (µs), f64 peak resident bytes: opens every RESULT and ERROR. */
export const USAGE_BYTES = 24

export const frameType = {
  load: 1,
  call: 2,
  check: 3,
  enter: 4,
  ready: 17,
  result: 18,
  error: 19,
  checked: 20,
} as const

export interface Frame {
  readonly type: number
  readonly id: number
  readonly payload: Buffer
}

export class FrameError extends Error {}

/** One buffer for the whole frame, so that it leaves in one write. */
export function encodeFrame(type: number, id: number, payload: string): Buffer {
  const length = Buffer.byteLength(payload)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length)
  writeHeader(frame, 0, { length, type, id })
  frame.write(payload, HEADER_BYTES)
  return frame
}

/** A CALL's payload: `u32 length of the context | context | event`, both JSON texts. */
export function encodeCall(id: number, context: string, event: string, before?: Buffer): Buffer {
  const contextLength = Buffer.byteLength(context)
  const eventLength = Buffer.byteLength(event)
  const start = before?.length ?? 0
  const length = 4 + contextLength + eventLength
  const frame = Buffer.allocUnsafe(start + HEADER_BYTES + length)
  before?.copy(frame)
  writeHeader(frame, start, { length, type: frameType.call, id })
  const body = start + HEADER_BYTES
  frame.writeUInt32LE(contextLength, body)
  frame.write(context, body + 4)
  frame.write(event, body + 4 + contextLength)
  return frame
}

function writeHeader(
  frame: Buffer,
  at: number,
  header: { length: number; type: number; id: number },
) {
  frame.writeUInt32LE(header.length, at)
  frame.writeUInt8(header.type, at + 4)
  frame.writeUInt32LE(header.id, at + 5)
}

export class FrameReader {
  readonly #maxPayloadBytes: number
  #partial: Buffer | undefined
  #filled = 0

  constructor(maxPayloadBytes: number) {
    this.#maxPayloadBytes = maxPayloadBytes
  }

  /** Takes what arrived and calls `onFrame` for each frame that it completes. */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#partial === undefined) {
        const whole = this.#wholeLength(chunk, at)
        if (whole !== undefined && at + whole <= chunk.length) {
          onFrame(decode(chunk.subarray(at, at + whole)))
          at += whole
          continue
        }
        // An incomplete header is collected by itself; its frame's size is known only then.
        this.#partial = Buffer.allocUnsafe(whole ?? HEADER_BYTES)
        this.#filled = 0
      }
      at = this.#fill(chunk, at, onFrame)
    }
  }

  #fill(chunk: Buffer, at: number, onFrame: (frame: Frame) => void): number {
    const partial = this.#partial as Buffer
    const copied = chunk.copy(partial, this.#filled, at)
    this.#filled += copied
    if (this.#filled < partial.length) return at + copied
    const whole = this.#wholeLength(partial, 0) as number
    if (whole > partial.length) {
      this.#partial = Buffer.allocUnsafe(whole)
      partial.copy(this.#partial)
    } else {
      this.#partial = undefined
      onFrame(decode(partial))
    }
    return at + copied
  }

  #wholeLength(bytes: Buffer, at: number): number | undefined {
    if (bytes.length - at < HEADER_BYTES) return undefined
    const length = bytes.readUInt32LE(at)
    if (length > this.#maxPayloadBytes) {
      throw new FrameError(
        `a frame of ${length} bytes was announced, ${this.#maxPayloadBytes} are allowed`,
      )
    }
    return HEADER_BYTES + length
  }
}

function decode(frame: Buffer): Frame {
  return {
    type: frame.readUInt8(4),
    id: frame.readUInt32LE(5),
    payload: frame.subarray(HEADER_BYTES),
  }
}
