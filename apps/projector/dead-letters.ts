/**
 * Puts a message that cannot be applied aside, as it was, with where it stood and why.
 *
 * Invariant: it is stored before the checkpoint moves past the message. Said twice, it is stored
 * once, as far as the server's dedupe window reaches.
 */
import type { JsMsg } from '@nats-io/jetstream'
import type { Appender } from '#events/jetstream/append.ts'
import { subjects } from '#events/subjects.ts'

const REASON_LENGTH_MAX = 500

export async function bury(
  appender: Appender,
  stream: string,
  message: JsMsg,
  reason: Error,
): Promise<void> {
  await appender.append({
    subject: subjects.dead(stream, 'projector'),
    id: `${stream}:${message.seq}:projector:dead`,
    payload: message.data,
    headers: [
      ...ownHeaders(message),
      ['Sluice-Dead-Stream', stream],
      ['Sluice-Dead-Sequence', String(message.seq)],
      ['Sluice-Dead-Subject', message.subject],
      ['Sluice-Dead-Reason', JSON.stringify(reason.message).slice(0, REASON_LENGTH_MAX)],
    ],
  })
}

/** Without the server's: as part of a batch, or with expectations, it would never be stored. */
function ownHeaders({ headers }: JsMsg): (readonly [name: string, value: string])[] {
  return [...(headers ?? [])]
    .filter(([name]) => !name.startsWith('Nats-'))
    .map(([name, values]) => [name, values[0] ?? ''] as const)
}
