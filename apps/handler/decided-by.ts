/** The event with which a command that comes again was decided before, if it was. */
import type { JsMsg } from '@nats-io/jetstream'
import type { Envelope } from '#events/envelope.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readToEnd, since } from '#events/jetstream/read-to-end.ts'
import type { RecordedEvent } from '#events/jetstream/recorded-event.ts'
import { EVENTS } from '#events/streams.ts'

/** Looked for among the subjects of `filter`, since the command was sent. */
export async function decidedBy<Event extends Envelope>(
  bus: Bus,
  payloads: Payloads,
  command: Envelope,
  filter: string,
): Promise<RecordedEvent<Event> | undefined> {
  const stored: JsMsg[] = []
  const options = { ...since(Date.parse(command.time)), filter_subjects: filter }
  await readToEnd(bus, EVENTS, options, (message) => void stored.push(message))
  for (const message of stored) {
    const event = await payloads.open<Event>(message)
    if (event.causationid === command.id) return { seq: message.seq, event }
  }
  return undefined
}
