/**
 * Functions and their names as aggregates on EVENTS: loaded by their newest event, appended with
 * the expectation that it still is the newest. Read from the stream's leader, never from a replica.
 */
import type { FunctionCommand, FunctionEvent, FunctionNameEvent } from '#events/functions.ts'
import { AppendError, type Append, type Appended, type Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads, Sealed } from '#events/jetstream/payloads.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import { filters, subjects, type FunctionFact } from '#events/subjects.ts'
import { decidedBy } from './decided-by.ts'

/** The newest event of an aggregate and where it stands; `seq` 0: there is none. */
export interface Newest<Event> {
  readonly seq: number
  readonly event: Event | undefined
}

export interface FunctionStore {
  loadFunction(functionId: number): Promise<Newest<FunctionEvent>>
  /** The event with which this command was decided, if it was; looked for since it was sent. */
  decidedBy(command: FunctionCommand): Promise<Newest<FunctionEvent> | undefined>
  loadName(owner: string, name: string): Promise<Newest<FunctionNameEvent>>
  /** All or none; rejects with an `AppendError` `CONFLICT` if an aggregate has moved on. */
  append(
    events: readonly (FunctionEvent | FunctionNameEvent)[],
    expected: Expected,
  ): Promise<Appended>
}

export interface Expected {
  readonly functionSeq: number
  nameSeq(name: string): number
}

/** A function's own concurrency, for who reads the headers of all functions' events only. */
export const CONCURRENCY_HEADER = 'Sluice-Concurrency'
/** Error code of a server that knows a message id of an atomic batch. */
const REPEATED_IN_BATCH = 10201

const FACTS: Readonly<Record<FunctionEvent['type'], FunctionFact>> = {
  'function.registered': 'registered',
  'function.updated': 'updated',
  'function.deleted': 'deleted',
}

export function createFunctionStore(
  bus: Bus,
  payloads: Payloads,
  appender: Appender,
): FunctionStore {
  const newest = async <Event extends FunctionEvent | FunctionNameEvent>(
    filter: string,
  ): Promise<Newest<Event>> => {
    const recorded = await readEvent<Event>(bus, payloads, { last_by_subj: filter })
    return recorded ?? { seq: 0, event: undefined }
  }

  const toAppend = async (
    event: FunctionEvent | FunctionNameEvent,
    expected: Expected,
  ): Promise<Append> => {
    const sealed = await payloads.seal(event, 'for-ever')
    switch (event.type) {
      case 'function-name.claimed':
      case 'function-name.released': {
        const { owner, name } = event.data
        const expect = { seq: expected.nameSeq(name) }
        return { ...sealed, subject: subjects.functionName(owner, name), id: event.id, expect }
      }
      case 'function.registered':
      case 'function.updated':
      case 'function.deleted': {
        const { function_id } = event.data
        const expect = { seq: expected.functionSeq, on: filters.functionEventsOf(function_id) }
        const subject = subjects.functionEvent(function_id, FACTS[event.type])
        return { ...sealed, subject, id: event.id, expect, headers: withConcurrency(event, sealed) }
      }
    }
  }

  return {
    loadFunction: (functionId) => newest(filters.functionEventsOf(functionId)),
    decidedBy: (command) =>
      decidedBy(bus, payloads, command, filters.functionEventsOf(command.data.function_id)),
    loadName: (owner, name) => newest(subjects.functionName(owner, name)),
    append: async (events, expected) => {
      const messages = await Promise.all(events.map((event) => toAppend(event, expected)))
      try {
        const appended = await appender.appendAtomically(messages)
        if (!appended.duplicate) return appended
      } catch (error) {
        if (!isRepeated(error)) throw error
      }
      throw new AppendError('CONFLICT', 'this version has been decided')
    },
  }
}

function withConcurrency(event: FunctionEvent, { headers = [] }: Sealed): Headers {
  const own = event.type === 'function.deleted' ? undefined : event.data.definition.concurrency
  return own === undefined ? headers : [...headers, [CONCURRENCY_HEADER, String(own)]]
}

type Headers = NonNullable<Append['headers']>

/**
 * Whoever decides the same version says it under the same id, and servers may look at the id before
 * the expectation. Whether it was said by us or by somebody faster, only the log can tell.
 */
function isRepeated(error: unknown): boolean {
  return error instanceof AppendError && error.message.includes(`(${REPEATED_IN_BATCH})`)
}
