/**
 * Errors that say nothing but that the log is out of reach at the moment: whoever asked is told to
 * come back, whatever was asked of the log on their behalf.
 */
import { errors } from '@nats-io/nats-core'
import { AppendError } from '#events/jetstream/append.ts'
import { RpcError } from '#events/jetstream/rpc.ts'

const AWAY = [
  errors.TimeoutError,
  errors.NoRespondersError,
  errors.RequestError,
  errors.ConnectionError,
  errors.ClosedConnectionError,
  errors.DrainingConnectionError,
]

export function isLogAway(error: unknown): boolean {
  if (error instanceof AppendError) return error.code === 'UNAVAILABLE'
  return error instanceof RpcError || AWAY.some((kind) => error instanceof kind)
}
