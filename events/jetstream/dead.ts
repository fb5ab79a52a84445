/**
 * Dead letters: what could not be done, with its reason, for people to look at and redrive.
 *
 * Invariants:
 * 1. One format, whoever buries what: a message, as it was and where it stood, and why.
 * 2. It is stored before whoever buries a message settles it or moves on. Said twice, it is stored
 *    once, as far as the server's dedupe window reaches.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { envelope, type Cause } from '../envelope.ts'
import type { DeadLetter } from '../letters.ts'
import { subjects } from '../subjects.ts'
import type { Appender } from './append.ts'

const PAYLOAD_KEPT_BYTES = 128 * 1024
const REASON_LENGTH_MAX = 500

export interface Burial {
  /**
   * Names what could not be done, not where the message stood: a memory stream counts from 1 again,
   * and the server would take the next letter for a repeat.
   */
  readonly id: string
  /** What people filter by; the reason says more. */
  readonly code: string
  readonly source: string
  readonly time: string
  readonly cause?: Cause
  /** Who could not do it, where the server's name of the consumer says nothing. */
  readonly consumer?: string
}

export async function buryMessage(
  appender: Appender,
  message: JsMsg,
  reason: string,
  { id, code, source, time, cause = { correlationid: id }, ...burial }: Burial,
): Promise<void> {
  const { stream, deliveryCount: deliveries } = message.info
  const { consumer = message.info.consumer } = burial
  const { seq, subject, data } = message
  const payload = data.length <= PAYLOAD_KEPT_BYTES ? Buffer.from(data).toString('utf8') : null
  const letter: DeadLetter = envelope(
    { source, time, cause },
    {
      id,
      type: 'dead.letter',
      subject: `${stream}/${seq}`,
      data: {
        ...{ stream, consumer, seq, subject, deliveries, code },
        reason: reason.slice(0, REASON_LENGTH_MAX).toWellFormed(),
        headers: ownHeaders(message),
        payload,
      },
    },
  )
  const body = JSON.stringify(letter)
  await appender.append({ subject: subjects.dead(stream, consumer), id, payload: body })
}

function ownHeaders({ headers }: JsMsg): Record<string, string> {
  const own = [...(headers ?? [])].filter(([name]) => !name.startsWith('Nats-'))
  return Object.fromEntries(own.map(([name, values]) => [name, values[0] ?? '']))
}
