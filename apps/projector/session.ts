/**
 * One leader's time in office: from the checkpoint on, batch by batch, until it is told to stop or
 * something it needs is lost.
 *
 * Invariants:
 * 1. One statement at a time. The first message goes at once; what comes while a statement is in
 *    flight is the next batch, at most 500.
 * 2. A position is announced only after the commit of all that there was to apply before it, and
 *    commands are released only after its own.
 * 3. Commands that no read model applies are passed by together with what comes behind them, as what
 *    they cause soon does: a commit for them alone would cost as much as one for that. It is
 *    announced at once that they are passed: who asks what was written before waits for no more.
 * 4. Bad content is buried and passed by; everything else that fails ends the session, and what was
 *    not committed is read again by the next one.
 */
import { DatabaseError, type Client, type QueryConfig } from 'pg'
import { Appender } from '#events/jetstream/append.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { COMMANDS, EVENTS } from '#events/streams.ts'
import { applyParts, type Connection } from '#projections/batch.ts'
import type { Position, Streams } from '#projections/checkpoint.ts'
import type { Log } from '#runtime/log.ts'
import { bury } from './dead-letters.ts'
import { Intake, type Entry } from './intake.ts'
import { ANSWER_TIMEOUT_MS } from './leadership.ts'
import { Lookahead, prepare, type Prepared } from './lookahead.ts'
import { servePosition, type PositionService } from './position-service.ts'
import { pastRemoved, streamEnds } from './stream-ends.ts'
import { Wakeup } from './wakeup.ts'

const BURY_GIVE_UP_MS = 10_000
/** So long a position waits for something to go with. */
const HOLD_MS = 50

const NOTHING: Prepared = { entries: [], parts: [] }

export interface SessionOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly client: Client
  readonly log: Log
  readonly from: Position
  readonly ends: Streams
}

export interface Batch {
  readonly size: number
  readonly durationMs: number
}

export class Session {
  readonly #options: SessionOptions
  readonly #wakeup = new Wakeup()
  readonly #intake: Intake
  readonly #batches: Lookahead
  readonly #service: PositionService
  readonly #appender: Appender
  readonly #connection: Connection
  /** Committed. */
  #position: Position
  /** What lies between them is nothing to apply. */
  #reached: Position
  #holding: NodeJS.Timeout | undefined
  #isDue = false
  #ends: Streams
  #lookAtEnds = true
  #lastBatch: Batch = { size: 0, durationMs: 0 }

  constructor(options: SessionOptions) {
    const { bus, payloads, from, ends, log } = options
    this.#options = options
    this.#connection = bounded(options.client)
    this.#position = from
    this.#reached = from
    this.#ends = ends
    this.#appender = new Appender(bus.rpc, { giveUpAfterMs: BURY_GIVE_UP_MS })
    const onTrouble = (event: string, fields: Record<string, unknown>) => log.warn(event, fields)
    const onArrival = () => this.#wakeup.wake()
    this.#intake = new Intake({ bus, payloads, from, onArrival, onTrouble })
    this.#batches = new Lookahead(this.#intake)
    this.#service = servePosition(bus.nc, {
      position: () => this.#reached,
      onAsked: () => {
        this.#lookAtEnds = true
        this.#wakeup.wake()
      },
    })
  }

  get position(): Position {
    return this.#position
  }

  get ends(): Streams {
    return this.#ends
  }

  get waiting(): number {
    return this.#intake.size
  }

  get lastBatch(): Batch {
    return this.#lastBatch
  }

  /** Returns after the statement in flight when `signal` aborts; throws what ended it otherwise. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = () => this.#wakeup.wake()
    signal.addEventListener('abort', wake, { once: true })
    try {
      while (!signal.aborted) {
        if (this.#isDue) await this.#commit(NOTHING, this.#reached)
        else if (!this.#batches.isEmpty) await this.#applyAll(await this.#batches.take())
        else if (this.#lookAtEnds) await this.#passRemoved()
        else await this.#wakeup.wait()
      }
    } finally {
      signal.removeEventListener('abort', wake)
      clearTimeout(this.#holding)
      this.#service.stop()
      await this.#intake.stop()
    }
  }

  async #passRemoved(): Promise<void> {
    this.#lookAtEnds = false
    const { bus } = this.#options
    this.#ends = await streamEnds(bus)
    const to = await pastRemoved(bus, this.#reached, this.#ends)
    const { events, commands } = this.#position
    if (to.events > events || to.commands > commands) await this.#commit(NOTHING, to)
  }

  async #applyAll(batch: Prepared): Promise<void> {
    for (const { bad, message, recorded } of batch.entries) {
      if (bad !== undefined) await this.#bury(recorded.stream, message, bad)
    }
    if (isNothing(batch)) this.#hold(behind(this.#reached, batch.entries))
    else await this.#apply(batch)
  }

  #hold(reached: Position): void {
    this.#reached = reached
    this.#service.announce()
    this.#holding ??= setTimeout(() => {
      this.#isDue = true
      this.#wakeup.wake()
    }, HOLD_MS)
  }

  /** Halves a batch that the database refuses for its content, until the culprit stands alone. */
  async #apply(batch: Prepared): Promise<void> {
    const { entries } = batch
    try {
      await this.#commit(batch, behind(this.#reached, entries))
    } catch (error) {
      if (!isContentError(error)) throw error
      const [only] = entries
      if (entries.length === 1 && only !== undefined) {
        await this.#bury(only.recorded.stream, only.message, error)
        await this.#commit(NOTHING, behind(this.#reached, entries))
        return
      }
      const middle = Math.ceil(entries.length / 2)
      await this.#apply(prepare(entries.slice(0, middle)))
      await this.#apply(prepare(entries.slice(middle)))
    }
  }

  async #commit({ entries, parts }: Prepared, to: Position): Promise<void> {
    clearTimeout(this.#holding)
    this.#holding = undefined
    this.#isDue = false
    const startedAt = performance.now()
    const applied = applyParts(this.#connection, this.#position, to, parts)
    this.#batches.runAhead()
    await applied
    this.#position = this.#reached = to
    this.#service.announce()
    this.#lastBatch = { size: entries.length, durationMs: performance.now() - startedAt }
  }

  async #bury(stream: string, message: Entry['message'], reason: Error): Promise<void> {
    const { seq, subject } = message
    this.#options.log.error('message_not_applicable', { stream, seq, subject, error: reason })
    await bury(this.#appender, stream, message, reason)
  }
}

/** The connection, with a bound on how long a server may say nothing at all. */
function bounded(client: Client): Connection {
  return {
    query(statement) {
      const timed: QueryConfig & { query_timeout: number } = {
        ...statement,
        query_timeout: ANSWER_TIMEOUT_MS,
      }
      return client.query<object>(timed)
    },
  }
}

const isNothing = ({ entries, parts }: Prepared) =>
  parts.length === 0 &&
  entries.every(({ recorded, bad }) => recorded.stream === COMMANDS && bad === undefined)

function behind(from: Position, entries: readonly Entry[]): Position {
  let { events, commands } = from
  for (const { recorded } of entries) {
    if (recorded.stream === EVENTS) events = Math.max(events, recorded.seq)
    else if (recorded.stream === COMMANDS) commands = Math.max(commands, recorded.seq)
  }
  return { events, commands }
}

/** SQLSTATE classes: cardinality, data exception, constraint, program limit. */
const CONTENT_CLASSES = new Set(['21', '22', '23', '54'])

function isContentError(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && CONTENT_CLASSES.has(error.code?.slice(0, 2) ?? '')
}
