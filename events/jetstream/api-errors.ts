/** What the server says no to, told apart in one place. */
import { JetStreamApiError } from '@nats-io/jetstream'

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

/** A bound of the stream, or of all that the server may store. */
export function saysFull(status: number, description: string): boolean {
  return status === 503 || /maximum (bytes|messages)|insufficient|resource/i.test(description)
}
