/**
 * How much waits for a function, known well enough to say no, and to tell an accepted job its place.
 *
 * Invariants:
 * 1. One look at the function's durable serves all that is accepted within `FRESH_MS`; what this edge
 *    has accepted since is added, and what ended since is not yet taken off. So one edge alone never
 *    goes beyond the bound, and `n` of them by no more than `n - 1` times what one accepts in that
 *    time.
 * 2. Without a look nobody is refused: the log itself says whether it takes more.
 */
import { Problem } from '#domain/problem.ts'
import type { Definition } from '#events/functions.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { COMMANDS, functionDurableName } from '#events/streams.ts'

const FRESH_MS = 250
const LOOK_TIMEOUT_MS = 500
const RETRY_AFTER_MAX_S = 300

export interface QueuesOptions {
  readonly bus: Pick<Bus, 'rpc'>
  /** Of functions that do not say. */
  readonly maxDepth: number
  readonly concurrency: number
}

/** Of a job that is about to be accepted. */
export interface Place {
  /** Among the function's jobs that have not ended, from 1; null: unknown. */
  readonly position: number | null
  /** ISO 8601; null: nobody can tell how fast the queue moves. */
  readonly expectedStart: string | null
  /** The log has it: from now on a look counts it. */
  stored(): void
  /** It was not accepted after all. */
  left(): void
}

interface Look {
  readonly waiting: number
  readonly inFlight: number
  /** How many were ever settled, near enough. */
  readonly done: number
  /** Of this edge's own, what the look surely counts. */
  readonly counted: number
  readonly atMs: number
  /** Jobs that end in a second while others wait; undefined: not known yet. */
  readonly perSecond: number | undefined
}

interface Lane {
  /** Undefined: it could not be looked at. */
  look: Look | undefined
  lookedAtMs: number
  looking: Promise<void> | undefined
  /** What this edge has let in, and what of it is on the log. */
  entered: number
  stored: number
}

type Queued = Pick<Definition, 'max_queue_depth' | 'concurrency'>

interface ConsumerState {
  readonly num_pending?: number
  readonly num_ack_pending?: number
  readonly delivered?: { readonly consumer_seq: number }
}

export class Queues {
  readonly #options: QueuesOptions
  readonly #lanes = new Map<number, Lane>()

  constructor(options: QueuesOptions) {
    this.#options = options
  }

  /** Takes a place at the end of the function's queue; throws `QUEUE_FULL` if there is none. */
  enter(functionId: number, definition: Queued): Place | Promise<Place> {
    const lane = this.#laneOf(functionId)
    if (performance.now() - lane.lookedAtMs < FRESH_MS) return this.#take(lane, definition)
    lane.looking ??= this.#look(functionId, lane)
    return lane.looking.then(() => this.#take(lane, definition))
  }

  #laneOf(functionId: number): Lane {
    let lane = this.#lanes.get(functionId)
    if (lane === undefined) {
      lane = { look: undefined, lookedAtMs: -Infinity, looking: undefined, entered: 0, stored: 0 }
      this.#lanes.set(functionId, lane)
    }
    return lane
  }

  #take(lane: Lane, { max_queue_depth, concurrency }: Queued): Place {
    const { look } = lane
    const ahead = look && look.waiting + look.inFlight + lane.entered - look.counted
    const max = max_queue_depth ?? this.#options.maxDepth
    if (ahead !== undefined && ahead >= max) throw queueFull(ahead, max, look)
    lane.entered++
    return {
      position: ahead === undefined ? null : ahead + 1,
      expectedStart: expectedStart(look, ahead, concurrency ?? this.#options.concurrency),
      stored: () => void lane.stored++,
      left: () => void lane.entered--,
    }
  }

  async #look(functionId: number, lane: Lane): Promise<void> {
    const counted = lane.stored
    const subject = `$JS.API.CONSUMER.INFO.${COMMANDS}.${functionDurableName(functionId)}`
    try {
      const reply = await this.#options.bus.rpc.request(subject, '', { timeoutMs: LOOK_TIMEOUT_MS })
      lane.look = lookOf(reply.json<ConsumerState>(), counted, lane.look)
    } catch {
      // Whether the log is away, the append tells.
      lane.look = undefined
    }
    lane.lookedAtMs = performance.now()
    lane.looking = undefined
  }
}

function lookOf(state: ConsumerState, counted: number, before: Look | undefined): Look | undefined {
  const { num_pending: waiting, num_ack_pending: inFlight, delivered } = state
  if (waiting === undefined || inFlight === undefined || delivered === undefined) return undefined
  const atMs = performance.now()
  const done = delivered.consumer_seq - inFlight
  const look = { waiting, inFlight, done, counted, atMs }
  return { ...look, perSecond: paceOf(look, before) }
}

/** A queue that was empty at either look may have stood still in between. */
function paceOf(now: Omit<Look, 'perSecond'>, before: Look | undefined): number | undefined {
  if (before === undefined) return undefined
  const ended = now.done - before.done
  const wasBusy = before.waiting + before.inFlight > 0 && now.waiting + now.inFlight > 0
  if (!wasBusy || ended <= 0) return before.perSecond
  const pace = (1_000 * ended) / (now.atMs - before.atMs)
  return before.perSecond === undefined ? pace : (pace + before.perSecond) / 2
}

function expectedStart(
  look: Look | undefined,
  ahead: number | undefined,
  concurrency: number,
): string | null {
  if (look === undefined || ahead === undefined) return null
  // What is in flight while others wait is all that the executors do at once.
  const width = look.waiting > 0 ? Math.max(1, look.inFlight) : concurrency
  const before = Math.max(0, ahead + 1 - width)
  if (before > 0 && look.perSecond === undefined) return null
  const waitMs = before === 0 ? 0 : (1_000 * before) / (look.perSecond ?? 1)
  return new Date(Date.now() + waitMs).toISOString()
}

function queueFull(depth: number, max: number, look: Look | undefined): Problem {
  const seconds = look?.perSecond === undefined ? 1 : (depth + 1 - max) / look.perSecond
  const retryAfterS = Math.min(RETRY_AFTER_MAX_S, Math.max(1, seconds))
  const message = `${depth} jobs of the function have not ended; it takes no more than ${max}.`
  const details = { queue_depth: depth, max_queue_depth: max }
  return new Problem('QUEUE_FULL', message, details, { retryAfterS })
}
