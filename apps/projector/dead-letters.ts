/**
 * Puts a message that cannot be applied aside, as it was, with where it stood and why.
 *
 * Invariant: it is stored before the checkpoint moves past the message.
 */
import type { JsMsg } from '@nats-io/jetstream'
import type { Appender } from '#events/jetstream/append.ts'
import { buryMessage } from '#events/jetstream/dead.ts'

export async function bury(
  appender: Appender,
  stream: string,
  message: JsMsg,
  reason: Error,
): Promise<void> {
  await buryMessage(appender, message, reason.message, {
    id: `${stream}:${message.seq}:projector:dead`,
    code: 'NOT_PROJECTED',
    source: 'sluice/projector',
    time: new Date().toISOString(),
    // It reads in order, through consumers whose names mean nothing.
    consumer: 'projector',
  })
}
