/**
 * Aggregates whose newest event is their whole state, and of which a decision is one event:
 * load → decide → append, with the expectation that the newest event still is the newest.
 *
 * Invariants:
 * 1. A conflict means that somebody else was faster: reload, decide again.
 * 2. A command is decided once. One that comes again is looked up among what has been decided since
 *    it was sent.
 */
import type { Envelope, Said } from '#events/envelope.ts'
import { AppendError, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { readEvent, type RecordedEvent } from '#events/jetstream/recorded-event.ts'
import type { DecidedReply } from '#events/replies.ts'
import { SOURCE, type Aggregate, type Command } from './commands.ts'
import { decidedBy } from './decided-by.ts'

/** How one kind of aggregate is decided and where it stands. */
export interface LoneOptions<Asked extends Command, Event extends Envelope> {
  readonly isCommand: (command: Command) => command is Asked
  /** The subjects of the aggregate that a command is about. */
  readonly filterOf: (command: Asked) => string
  readonly subjectOf: (event: Event) => string
  /** Undefined: it has been decided, or nothing has to be done. */
  readonly decide: (
    command: Asked,
    newest: Event | undefined,
    said: Pick<Said, 'source' | 'time'>,
  ) => Event | undefined
}

export interface LogAccess {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly appender: Appender
}

export function loneAggregate<Asked extends Command, Event extends Envelope>(
  { bus, payloads, appender }: LogAccess,
  { isCommand, filterOf, subjectOf, decide }: LoneOptions<Asked, Event>,
): Aggregate<Asked> {
  const attempt = async (command: Asked): Promise<RecordedEvent<Event> | undefined> => {
    const on = filterOf(command)
    const newest = await readEvent<Event>(bus, payloads, { last_by_subj: on })
    const saying = { source: SOURCE, time: new Date().toISOString() }
    const event = decide(command, newest?.event, saying)
    if (event === undefined) return newest
    const { id } = event
    const sealed = await payloads.seal(event, 'for-ever')
    const expect = { seq: newest?.seq ?? 0, on }
    const { seq, duplicate } = await appender.append({
      ...sealed,
      subject: subjectOf(event),
      id,
      expect,
    })
    // Whether it was said by us or by somebody faster, only the log can tell.
    if (duplicate) throw new AppendError('CONFLICT', `${id} has been decided`)
    return { seq, event }
  }

  return {
    isCommand,
    async act(command, again): Promise<DecidedReply> {
      const before = again
        ? await decidedBy<Event>(bus, payloads, command, filterOf(command))
        : undefined
      if (before !== undefined) return { seq: before.seq }
      for (;;) {
        try {
          const { seq } = (await attempt(command)) ?? { seq: 0 }
          return { seq }
        } catch (error) {
          if (!(error instanceof AppendError) || error.code !== 'CONFLICT') throw error
        }
      }
    },
  }
}
