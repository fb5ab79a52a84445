/**
 * Reads what a stream holds at this moment, once, and returns: no state is left on the server. Whoever
 * has seen enough says so, and reads no further.
 */
import { DeliverPolicy, type JsMsg, type OrderedConsumerOptions } from '@nats-io/jetstream'
import { CLOCK_SLACK_MS } from '../streams.ts'
import type { Bus } from './bus.ts'

const READ_EXPIRES_MS = 5_000
const BATCH = 1_000

/** From what the server stored at `ms` on, and what may have been stored by another clock. */
export const since = (ms: number) => ({
  deliver_policy: DeliverPolicy.StartTime,
  opt_start_time: new Date(ms - CLOCK_SLACK_MS).toISOString(),
})

export interface ReadOptions extends Partial<OrderedConsumerOptions> {
  /** Messages that the server sends unasked: few for whoever may soon have enough. */
  readonly batch?: number
}

export async function readToEnd(
  bus: Bus,
  stream: string,
  { batch: max_messages = BATCH, ...options }: ReadOptions,
  onMessage: (message: JsMsg) => void | 'enough',
): Promise<void> {
  const consumer = await bus.js.consumers.get(stream, options)
  let pending = (await consumer.info(true)).num_pending
  while (pending > 0) {
    const batch = await consumer.fetch({ max_messages, expires: READ_EXPIRES_MS })
    let read = 0
    for await (const message of batch) {
      read++
      pending = message.info.pending
      if (onMessage(message) === 'enough') pending = 0
      if (pending === 0) break
    }
    // What was pending may have expired meanwhile.
    if (read === 0) pending = (await consumer.info()).num_pending
  }
  await consumer.delete()
}
