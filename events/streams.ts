/**
 * The streams and the durable consumers that always exist, as data.
 *
 * COMMANDS keeps a command until everyone who reads it has acknowledged it; CALLS keeps for a minute
 * what a caller is waiting for; EVENTS is the truth, one order for everybody; DEAD keeps what could
 * not be done; KEYS keeps for a day which requests with an Idempotency-Key were made, the newest word
 * on each. COMMANDS, EVENTS and KEYS refuse when full: what was accepted must never fall out.
 *
 * COMMANDS has no interest retention although it behaves like it: there the server writes and syncs
 * a tombstone for each single message (measured: one fsync a command). The handler reclaims what is
 * done in one go instead, and a command that nobody waits for yet is kept rather than dropped.
 */
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type StreamConfig,
} from '@nats-io/jetstream'
import type { Runtime } from './functions.ts'
import { filters, subjects, token } from './subjects.ts'

const SECOND_NS = 1_000_000_000
/** A command that is older is gone, whoever still waits for it. */
export const COMMAND_DAYS_MAX = 7
const DAY_NS = 86_400 * SECOND_NS

export const COMMANDS = 'COMMANDS'
export const CALLS = 'CALLS'
export const EVENTS = 'EVENTS'
export const DEAD = 'DEAD'
export const KEYS = 'KEYS'

/** How long a claimed message may go without a sign of life before somebody else gets it. */
export const ACK_WAIT_MS = 10_000
/** Whoever holds a message says `working()` this often. */
export const WORKING_EVERY_MS = 3_000
/** Clocks of our machines and of the NATS server may differ by so much. */
export const CLOCK_SLACK_MS = 60_000
/** Repeats of a message inside this window are dropped by the server. */
export const DEDUPE_WINDOW_MS = 120_000
/** A caller waits no longer than this past the function's own time-out. */
export const CALL_GRACE_MS = 10_000

/**
 * Room for calls on their way: 1,000 callers with the largest event that a message holds (larger
 * ones lie in the object store), or all that one edge admits with 128 KiB each. The server sets it
 * aside at once, so it must fit a small machine. What does not fit is dropped unsaid, since nobody
 * is told that a call was taken: its caller gets an error when its time is over.
 */
export const CALLS_BYTES = 256 * 1024 ** 2

/**
 * Share of a stream's bytes from which on nothing new is taken: what is left is for the outcomes of
 * what was.
 */
export const FULL_FROM = 0.8

export interface StreamSizes {
  /** Bound of EVENTS, in bytes; the other streams and stores take fractions of it. */
  readonly maxBytes: number
}

/** Of `maxBytes`. The sum is what a server must be able to set aside: `reservedBytes`. */
const SHARES = {
  commands: 1 / 4,
  events: 1,
  dead: 1 / 16,
  keys: 1 / 16,
  definitions: 1 / 4,
  happenings: 1 / 4,
}
/** The counters of ids. */
export const IDS_BYTES = 1024 ** 2

export type Reserving = keyof typeof SHARES

export const shareOf = ({ maxBytes }: StreamSizes, what: Reserving) =>
  Math.floor(maxBytes * SHARES[what])

/** What all streams and stores on disk may take together. */
export const reservedBytes = ({ maxBytes }: StreamSizes) =>
  IDS_BYTES + Object.values(SHARES).reduce((sum, share) => sum + Math.floor(maxBytes * share), 0)

export function streamConfigs(sizes: StreamSizes): readonly Partial<StreamConfig>[] {
  const shared = { num_replicas: 1, duplicate_window: (DEDUPE_WINDOW_MS / 1_000) * SECOND_NS }
  return [
    {
      ...shared,
      name: COMMANDS,
      subjects: [filters.commands],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      max_age: COMMAND_DAYS_MAX * DAY_NS,
      // Servers from 2.15 on allow 1,000 unless told otherwise; there is one per function.
      max_consumers: 100_000,
      max_bytes: shareOf(sizes, 'commands'),
      allow_atomic: true,
      allow_direct: true,
    },
    {
      ...shared,
      name: CALLS,
      subjects: [filters.calls],
      storage: StorageType.Memory,
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      max_age: 60 * SECOND_NS,
      duplicate_window: 60 * SECOND_NS,
      max_bytes: CALLS_BYTES,
      // The caller waits for the outcome; that the call was taken is of no use to it.
      no_ack: true,
    },
    {
      ...shared,
      name: EVENTS,
      subjects: [filters.events],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      max_bytes: shareOf(sizes, 'events'),
      allow_atomic: true,
      allow_direct: true,
      allow_msg_ttl: true,
    },
    {
      ...shared,
      name: DEAD,
      subjects: [filters.dead, filters.maxDeliveries, filters.redriven],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_age: 30 * DAY_NS,
      max_bytes: shareOf(sizes, 'dead'),
    },
    {
      ...shared,
      name: KEYS,
      subjects: [filters.keys],
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.New,
      max_age: DAY_NS,
      max_msgs_per_subject: 1,
      max_bytes: shareOf(sizes, 'keys'),
      allow_atomic: true,
    },
  ]
}

export interface DurableConfig extends Partial<ConsumerConfig> {
  readonly durable_name: string
}

const durable = (name: string, filter: string, maxAckPending: number): DurableConfig => ({
  durable_name: name,
  filter_subject: filter,
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  ack_wait: (ACK_WAIT_MS / 1_000) * SECOND_NS,
  max_deliver: -1,
  max_ack_pending: maxAckPending,
})

export const handlerDurable = durable('handler', filters.decided, 256)

/** On EVENTS; it keeps each delayed job until its time, however many there are. */
export const laterDurable = durable('later', filters.delayedJobs, -1)

/**
 * One durable per function, so that a flood on one function is queued behind itself only;
 * `max_ack_pending` is the function's concurrency over all executors.
 */
export const functionDurable = (
  functionId: number,
  concurrency: number,
  runtime?: Runtime,
): DurableConfig => ({
  ...durable(functionDurableName(functionId), filters.runJobsOf(functionId), concurrency),
  ...(runtime !== undefined && { metadata: { [RUNTIME_KEY]: runtime } }),
})

const RUNTIME_KEY = 'runtime'

export const functionDurableName = (functionId: number) => `fn-${functionId}`

/** The function whose durable has this name; undefined for any other durable. */
export function functionOfDurable(name: string): number | undefined {
  const id = /^fn-(\d+)$/.exec(name)?.[1]
  return id === undefined ? undefined : Number(id)
}

/** Of the function's newest version when the durable was last made sure of. */
export const runtimeOfDurable = ({ metadata }: Pick<ConsumerConfig, 'metadata'>) =>
  metadata?.[RUNTIME_KEY] as Runtime | undefined

/** Gone with its executor, a little later. */
export const sessionCallsDurable = (executor: string): DurableConfig => ({
  ...durable(`calls-session-${token(executor)}`, subjects.sessionCall(executor), 10_000),
  inactive_threshold: FORGET_DURABLE_AFTER_S * SECOND_NS,
})

const FORGET_DURABLE_AFTER_S = 300

/** Calls are few, since somebody waits for each: one durable per runtime, spread fairly inside. */
export const callsDurable = (runtime: Runtime): DurableConfig =>
  durable(`calls-${runtime}`, `call.${runtime}.*`, 10_000)
