/**
 * The envelope of every message on the log: a CloudEvents 1.0 event in JSON (structured mode), with
 * the extensions `version`, `correlationid`, `causationid` and `traceparent` (W3C Trace Context).
 *
 * Invariants:
 * 1. `id` is the message's `Nats-Msg-Id` and derives from what happened, so that saying the same
 *    thing twice is saying it once.
 * 2. `data` speaks the API documents' own words (snake_case): REST, webhooks and events agree.
 */

import Type, { type Static } from 'typebox'

export const Envelope = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    id: Type.String({
      description: 'Derives from what happened: read twice, it is the same event.',
    }),
    source: Type.String({ description: 'The process that said it, such as `sluice/executor`.' }),
    type: Type.String(),
    version: Type.Integer({ description: 'Version of the shape of `data`.' }),
    time: Type.String({ format: 'date-time', description: 'When it was said. ISO 8601, UTC.' }),
    subject: Type.String({
      description: "The aggregate's key: a function id, or an owner and a name.",
    }),
    correlationid: Type.String({ description: 'What led to each other has the same one.' }),
    causationid: Type.Optional(
      Type.String({ description: 'Id of the message that led to this one.' }),
    ),
    traceparent: Type.Optional(Type.String({ description: 'W3C Trace Context.' })),
    data: Type.Unknown(),
  },
  { title: 'Envelope', description: 'CloudEvents 1.0 in JSON, structured mode.' },
)

export interface Envelope<Name extends string = string, Data = unknown> extends Readonly<
  Omit<Static<typeof Envelope>, 'type' | 'data'>
> {
  readonly type: Name
  readonly data: Data
}

/** What a message inherits from whatever caused it. */
export interface Cause {
  readonly correlationid: string
  readonly causationid?: string
  readonly traceparent?: string
}

/** The part of an envelope that the sayer supplies; the rest follows from the type. */
export interface Said {
  readonly source: string
  readonly time: string
  readonly cause: Cause
}

export function envelope<Type extends string, Data>(
  said: Said,
  message: { id: string; type: Type; subject: string; data: Data; version?: number },
): Envelope<Type, Data> {
  return {
    specversion: '1.0',
    id: message.id,
    source: said.source,
    type: message.type,
    version: message.version ?? 1,
    time: said.time,
    subject: message.subject,
    ...said.cause,
    data: message.data,
  }
}

/** The cause that a reaction to `message` carries on. */
export function causedBy(message: Envelope): Cause {
  const { correlationid, id, traceparent } = message
  return { correlationid, causationid: id, ...(traceparent !== undefined && { traceparent }) }
}
