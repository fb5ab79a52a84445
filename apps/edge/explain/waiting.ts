/**
 * Where a pending job stands: what is ahead of it in its function's queue, how much of that runs at
 * once, and who could run it.
 */
import { DeliverPolicy } from '@nats-io/jetstream'
import type { Runtime } from '#events/functions.ts'
import { jobOfMessageId } from '#events/jobs.ts'
import { isConsumerNotFound } from '#events/jetstream/api-errors.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { readToEnd } from '#events/jetstream/read-to-end.ts'
import { COMMANDS, functionDurableName } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import type { Presence, PresenceWatch } from '#runtime/presence.ts'

const COUNTED_MAX = 10_000

export interface Waiting {
  /** From 1; null: it has been handed to an executor, or is not in the queue. */
  readonly position: number | null
  /** Null: too many to count, or it is not in the queue. */
  readonly ahead: number | null
  /** Commands of the function that executors hold. */
  readonly in_flight: number
  /** How many of them there may be at once. */
  readonly concurrency: number
  readonly executors: Executors
  /** ISO 8601; null: nobody can tell. */
  readonly expected_start: string | null
}

export interface Executors {
  readonly present: number
  readonly able: number
  /** Why those that are not able are not. */
  readonly reason?: string
}

export interface WaitingOf {
  readonly id: number
  readonly function_id: number
  readonly runtime: Runtime
  /** Of one run, on average; 0: not known. */
  readonly runMs: number
}

/** Undefined: the function has no queue any more. */
export async function findWaiting(
  bus: Bus,
  presence: PresenceWatch,
  { id, function_id, runtime, runMs }: WaitingOf,
): Promise<Waiting | undefined> {
  const executors = executorsFor(presence, runtime)
  try {
    const info = await bus.jsm.consumers.info(COMMANDS, functionDurableName(function_id))
    const { num_ack_pending: in_flight, delivered, config } = info
    const { max_ack_pending: concurrency = 0 } = config
    const ahead = await countAhead(bus, function_id, id, delivered.stream_seq + 1)
    const expected_start =
      executors.able === 0 || ahead === null
        ? null
        : expectedStart(ahead + in_flight, concurrency, runMs)
    const position = ahead === null ? null : ahead + 1
    return { position, ahead, in_flight, concurrency, executors, expected_start }
  } catch (error) {
    if (isConsumerNotFound(error)) return undefined
    throw error
  }
}

async function countAhead(
  bus: Bus,
  functionId: number,
  jobId: number,
  from: number,
): Promise<number | null> {
  let ahead = 0
  let found = false
  const options = {
    filter_subjects: filters.runJobsOf(functionId),
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    headers_only: true,
  }
  await readToEnd(bus, COMMANDS, options, ({ headers }) => {
    found = jobOfMessageId(headers?.get('Nats-Msg-Id') ?? '') === jobId
    if (found || ++ahead >= COUNTED_MAX) return 'enough'
    return undefined
  })
  return found ? ahead : null
}

function expectedStart(before: number, concurrency: number, runMs: number): string | null {
  const turns = Math.ceil((before + 1 - concurrency) / Math.max(1, concurrency))
  if (turns > 0 && runMs === 0) return null
  return new Date(Date.now() + Math.max(0, turns) * runMs).toISOString()
}

/** The part of what an executor says of itself that is read here; it came over the wire. */
interface Sandbox {
  readonly level?: unknown
  readonly reason?: unknown
  readonly runtimes?: Readonly<Record<string, { ok?: unknown; reason?: unknown } | undefined>>
}

function executorsFor(presence: PresenceWatch, runtime: Runtime): Executors {
  const present = presence.list('executor')
  const reasons = present.map((executor) => whyNot(executor, runtime))
  const able = reasons.filter((reason) => reason === undefined).length
  const reason = reasons.find((one) => one !== undefined)
  return { present: present.length, able, ...(reason !== undefined && { reason }) }
}

/** Undefined: it can run it. */
function whyNot({ state }: Presence, runtime: Runtime): string | undefined {
  const { level, reason, runtimes } = (state['sandbox'] ?? {}) as Sandbox
  const offered = runtimes?.[runtime]
  if (level === 'unavailable') return textOr(reason, 'its sandbox cannot be used')
  if (offered?.ok === true) return undefined
  return textOr(offered?.reason, `it has no ${runtime}`)
}

const textOr = (value: unknown, fallback: string) => (typeof value === 'string' ? value : fallback)
