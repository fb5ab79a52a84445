/**
 * The events of one job, off the log. Job ids are no subject tokens: its function's job events since
 * the acceptance are read, headers only, and those of the job are then read whole.
 *
 * Invariant: however busy the function is, reading ends after `HEADERS_MAX` or `WITHIN_MS`, and says
 * that it is not all.
 */
import type { Envelope } from '#events/envelope.ts'
import { jobMessageId } from '#events/jobs.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { isUnreadable, type Payloads } from '#events/jetstream/payloads.ts'
import { readToEnd, since } from '#events/jetstream/read-to-end.ts'
import { readEvent } from '#events/jetstream/recorded-event.ts'
import { EVENTS } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'

const HEADERS_MAX = 50_000
const WITHIN_MS = 1_500
const EVENTS_MAX = 64

export interface JobEvents {
  readonly events: readonly Envelope[]
  readonly complete: boolean
}

export interface EventsOf {
  readonly id: number
  readonly function_id: number
  readonly accepted_at: string
}

export async function readJobEvents(
  bus: Bus,
  payloads: Payloads,
  { id, function_id, accepted_at }: EventsOf,
): Promise<JobEvents> {
  const prefix = `job:${id}:`
  const end = jobMessageId.end(id)
  const until = performance.now() + WITHIN_MS
  const seqs: number[] = []
  let seen = 0
  let complete = true
  const options = {
    ...since(Date.parse(accepted_at)),
    filter_subjects: filters.jobEventsOf(function_id),
    headers_only: true,
  }
  await readToEnd(bus, EVENTS, options, ({ headers, seq }) => {
    const messageId = headers?.get('Nats-Msg-Id') ?? ''
    if (messageId.startsWith(prefix)) seqs.push(seq)
    if (messageId === end) return 'enough'
    complete = ++seen < HEADERS_MAX && seqs.length < EVENTS_MAX && performance.now() < until
    return complete ? undefined : 'enough'
  })
  const events: Envelope[] = []
  for (const seq of seqs) {
    const event = await readWhole(bus, payloads, seq)
    if (event === undefined) complete = false
    else events.push(event)
  }
  return { events, complete }
}

/** Undefined: the log has forgotten it meanwhile. */
async function readWhole(bus: Bus, payloads: Payloads, seq: number): Promise<Envelope | undefined> {
  try {
    return (await readEvent(bus, payloads, { seq }))?.event
  } catch (error) {
    if (isUnreadable(error)) return undefined
    throw error
  }
}
