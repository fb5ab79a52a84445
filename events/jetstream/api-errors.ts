/** What the server says no to, told apart in one place. */
import { JetStreamApiError } from '@nats-io/jetstream'
import { BusError } from './bus.ts'

const CONSUMER_NOT_FOUND = 10014
const CONSUMER_EXISTS = 10148
const STREAM_NOT_FOUND = 10059

export const isConsumerNotFound = (error: unknown) => hasCode(error, CONSUMER_NOT_FOUND)
/** With other settings than those asked for. */
export const isConsumerDifferent = (error: unknown) => hasCode(error, CONSUMER_EXISTS)
export const isStreamNotFound = (error: unknown) => hasCode(error, STREAM_NOT_FOUND)

function hasCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code
}

/** Memory or storage that the server may not set aside; a configuration that it does not take. */
const REFUSED = new Set([10028, 10047, 10052])

/** Said again, it is refused again: somebody has to change a setting. */
export function isPermanent(error: unknown): boolean {
  if (error instanceof BusError) return true
  return error instanceof JetStreamApiError && REFUSED.has(error.code)
}

/** A bound of the stream, or of all that the server may store. */
export function saysFull(status: number, description: string): boolean {
  return status === 503 || /maximum (bytes|messages)|insufficient|resource/i.test(description)
}
