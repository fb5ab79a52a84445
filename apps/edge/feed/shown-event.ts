/**
 * An event as its owner sees it, decoded once for all who read it.
 *
 * Invariant: what lies in the object store is loaded for somebody who wants it, and nobody else.
 */
import type { Envelope } from '#events/envelope.ts'
import { jobOfMessageId } from '#events/jobs.ts'
import { briefOf, isUnreadable, type Payloads, type Stored } from '#events/jetstream/payloads.ts'
import { ownerOf, shownEvent, shownTypeOf, type ShownType } from '#events/shown.ts'

export interface ShownEvent {
  /** Where it stands on EVENTS. */
  readonly seq: number
  readonly type: ShownType
  readonly key: string
  readonly owner: string
  readonly jobId: number | undefined
  /** Of its JSON text. */
  readonly bytes: number
  /** JSON text of the envelope, with `seq` in front; loads it if it lies in the object store. */
  readonly whole: () => string | Promise<string>
  /** The same without `data`, where that lies in the object store. */
  readonly brief: string | undefined
}

const NOTHING = new Uint8Array(0)

export interface LoggedMessage extends Stored {
  readonly seq: number
  readonly subject: string
}

/** Undefined: it is for nobody's eyes. Throws if the store does not answer. */
export function decode(
  message: LoggedMessage,
  payloads: Payloads,
): ShownEvent | undefined | Promise<ShownEvent | undefined> {
  const { seq, subject } = message
  const type = shownTypeOf(subject)
  if (type === undefined) return undefined
  const brief = briefOf(message)
  if (brief !== undefined) {
    const { envelope, owner, bytes } = brief
    if (owner === null || envelope.type !== type) return undefined
    const payload = { bytes, href: `/api/v1/events?since=${seq - 1}&limit=1` }
    // The message itself would hold a piece of the socket's buffer.
    const stored: Stored = { data: NOTHING, headers: message.headers }
    const gone = JSON.stringify({ seq, ...envelope, payload: { bytes } })
    return {
      ...{ seq, type, owner, bytes, key: envelope.subject, jobId: jobOfMessageId(envelope.id) },
      brief: JSON.stringify({ seq, ...envelope, payload }),
      whole: async () => {
        try {
          return textOf(seq, await payloads.open(stored))
        } catch (error) {
          if (isUnreadable(error)) return gone
          throw error
        }
      },
    }
  }
  try {
    const opened = payloads.open(message)
    if (!(opened instanceof Promise)) return shown(seq, type, opened)
    return opened.then((event) => shown(seq, type, event)).catch(unlessUnreadable)
  } catch (error) {
    return unlessUnreadable(error)
  }
}

function shown(seq: number, type: ShownType, event: Envelope): ShownEvent | undefined {
  const owner = ownerOf(event)
  if (owner === undefined || event.type !== type) return undefined
  const text = textOf(seq, event)
  return {
    ...{ seq, type, owner, key: event.subject, jobId: jobOfMessageId(event.id) },
    ...{ bytes: text.length, brief: undefined, whole: () => text },
  }
}

const textOf = (seq: number, event: Envelope) => JSON.stringify({ seq, ...shownEvent(event) })

/** Nobody can make sense of it: the log has no event there. */
function unlessUnreadable(error: unknown): undefined {
  if (!isUnreadable(error)) throw error
}
