/**
 * The envelope of every message on the log: a CloudEvents 1.0 event in JSON (structured mode), with
 * the extensions `version`, `correlationid`, `causationid` and `traceparent` (W3C Trace Context).
 *
 * Invariants:
 * 1. `id` is the message's `Nats-Msg-Id` and derives from what happened, so that saying the same
 *    thing twice is saying it once.
 * 2. `data` speaks the API documents' own words (snake_case): REST, webhooks and events agree.
 */

export interface Envelope<Type extends string = string, Data = unknown> {
  readonly specversion: '1.0'
  readonly id: string
  /** The process that said it, such as `sluice/executor`. */
  readonly source: string
  readonly type: Type
  /** Version of the shape of `data`. */
  readonly version: number
  /** ISO 8601, UTC. */
  readonly time: string
  /** The aggregate's key: a function id, or an owner and a name. */
  readonly subject: string
  readonly correlationid: string
  /** Id of the message that led to this one. */
  readonly causationid?: string
  readonly traceparent?: string
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
