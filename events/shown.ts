/**
 * Which events their owners may read as they stand on the log, and what is left out of them.
 *
 * Invariants:
 * 1. What is not in here is shown to nobody. Of users and keys the log holds hashes, a name's claim
 *    and a returned attempt are about our own work, and a returned attempt does not say whose it is.
 * 2. Nothing is in here that its owner may not read elsewhere.
 * 3. An event without an owner is shown to nobody, whatever its type.
 */
import type { Envelope } from './envelope.ts'
import { parseEventType } from './subjects.ts'

/** By type; the members of `data` that nobody outside is to see. */
const HIDDEN = {
  'function.registered': [],
  'function.updated': [],
  'function.deleted': [],
  'job.delayed': ['definition_seq'],
  'job.started': [],
  'job.retrying': [],
  'job.succeeded': [],
  'job.failed': [],
  'job.cancelled': [],
  'job.cached': [],
  // The executor's name tells of its machine.
  'session.initialized': ['definition_seq', 'executor'],
  'session.closed': [],
  'schedule.ticked': [],
  'analysis.completed': ['fingerprints'],
  'optimization.settled': [],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type ShownType = keyof typeof HIDDEN
export const SHOWN_TYPES = Object.keys(HIDDEN) as readonly ShownType[]

/** Undefined: it is not for anybody's eyes. */
export function shownTypeOf(subject: string): ShownType | undefined {
  const type = parseEventType(subject)
  return type !== undefined && Object.hasOwn(HIDDEN, type) ? (type as ShownType) : undefined
}

/** Undefined: nobody's. */
export function ownerOf({ data }: Envelope): string | undefined {
  const owner =
    typeof data === 'object' && data !== null && 'owner' in data ? data.owner : undefined
  return typeof owner === 'string' && owner !== '' ? owner : undefined
}

/** As its owner sees it. */
export function shownEvent(event: Envelope): Envelope {
  const hidden: readonly string[] = HIDDEN[event.type as ShownType]
  if (hidden.length === 0) return event
  const members = Object.entries(event.data as object)
  return { ...event, data: Object.fromEntries(members.filter(([name]) => !hidden.includes(name))) }
}
