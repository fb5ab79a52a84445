/** An event that EVENTS holds, read from the stream's leader and unsealed. */
import type { MsgRequest } from '@nats-io/jetstream'
import type { Envelope } from '../envelope.ts'
import { EVENTS } from '../streams.ts'
import type { Bus } from './bus.ts'
import type { Payloads } from './payloads.ts'

export interface RecordedEvent<Event extends Envelope> {
  /** Where it stands on EVENTS. */
  readonly seq: number
  readonly event: Event
}

/** Undefined if there is none; a payload that is gone or a server that does not answer is thrown. */
export async function readEvent<Event extends Envelope>(
  { jsm }: Pick<Bus, 'jsm'>,
  payloads: Payloads,
  query: MsgRequest,
): Promise<RecordedEvent<Event> | undefined> {
  const stored = await jsm.streams.getMessage(EVENTS, query)
  if (stored === null) return undefined
  const { data, header: headers, seq } = stored
  return { seq, event: await payloads.open<Event>({ data, headers }) }
}
