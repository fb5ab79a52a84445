/**
 * Dead letters: what could not be done, with its reason, for people to look at and redrive.
 */
import type { JsMsg } from '@nats-io/jetstream'
import { envelope, type Cause, type Envelope } from '../envelope.ts'
import { subjects } from '../subjects.ts'
import type { Appender } from './append.ts'

export type DeadLetter = Envelope<
  'dead.letter',
  {
    readonly stream: string
    readonly consumer: string
    readonly seq: number
    readonly subject: string
    readonly deliveries: number
    readonly reason: string
    /** The message itself if it is text of moderate size; else it is found by stream and seq. */
    readonly payload: string | null
  }
>

const PAYLOAD_KEPT_BYTES = 128 * 1024

/**
 * `id` names what could not be done, not where the message stood: a memory stream counts from 1
 * again, and the server would take the next letter for a repeat.
 */
export async function buryMessage(
  appender: Appender,
  message: JsMsg,
  reason: string,
  { id, cause, ...said }: { id: string; source: string; time: string; cause?: Cause },
): Promise<void> {
  const { stream, consumer, deliveryCount: deliveries } = message.info
  const { seq, subject, data } = message
  const payload = data.length <= PAYLOAD_KEPT_BYTES ? Buffer.from(data).toString('utf8') : null
  const letter: DeadLetter = envelope(
    { ...said, cause: cause ?? { correlationid: id } },
    {
      id,
      type: 'dead.letter',
      subject: `${stream}/${seq}`,
      data: { stream, consumer, seq, subject, deliveries, reason, payload },
    },
  )
  const body = JSON.stringify(letter)
  await appender.append({ subject: subjects.dead(stream, consumer), id, payload: body })
}
