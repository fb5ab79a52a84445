/**
 * The projector: leads when it can, waits when somebody else does, and starts over whenever
 * something that it needs was lost.
 *
 * Invariants:
 * 1. Starting over means a fresh lock, a fresh look at the checkpoint, and the log read from there:
 *    nothing that was not committed survives in memory.
 * 2. A checkpoint that does not lie on the log ends the projector (`CheckpointError`): no retry
 *    makes it right, and going on would be silently wrong.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { Bus } from '#events/jetstream/bus.ts'
import type { Payloads } from '#events/jetstream/payloads.ts'
import { CheckpointError, resume, type Position } from '#projections/checkpoint.ts'
import { openDatabase, type Database } from '#projections/database.ts'
import type { Log } from '#runtime/log.ts'
import { lead } from './leadership.ts'
import { Session, type Batch } from './session.ts'
import { streamEnds } from './stream-ends.ts'

const RESTART_FIRST_MS = 50
const RESTART_MAX_MS = 1_000

export type Role = 'starting' | 'standby' | 'leader'

export interface ProjectorStats {
  readonly role: Role
  readonly position: Position
  /** Messages of each stream that the read models are behind, as of the last look. */
  readonly lag: Position
  /** Messages that have been read and not applied. */
  readonly waiting: number
  readonly lastBatch: Batch
}

export interface ProjectorOptions {
  readonly bus: Bus
  readonly payloads: Payloads
  readonly databaseUrl: string
  readonly log: Log
  readonly signal: AbortSignal
}

export class Projector {
  readonly #options: ProjectorOptions
  readonly #settled = Promise.withResolvers<Role>()
  #role: Role = 'starting'
  #session: Session | undefined
  #interrupt: (() => void) | undefined

  constructor(options: ProjectorOptions) {
    this.#options = options
    // A server that came back may not be the one that went.
    options.bus.onReconnect(() => this.#interrupt?.())
  }

  /** Resolves when it first leads or stands by. */
  get settled(): Promise<Role> {
    return this.#settled.promise
  }

  stats(): ProjectorStats {
    const session = this.#session
    const position = session?.position ?? { events: 0, commands: 0 }
    const { events, commands } = session?.ends ?? {}
    return {
      role: this.#role,
      position,
      lag: {
        events: Math.max(0, (events?.lastSeq ?? 0) - position.events),
        commands: Math.max(0, (commands?.lastSeq ?? 0) - position.commands),
      },
      waiting: session?.waiting ?? 0,
      lastBatch: session?.lastBatch ?? { size: 0, durationMs: 0 },
    }
  }

  /** Until the signal aborts; throws only what no retry can heal. */
  async run(): Promise<void> {
    const { databaseUrl: url, log, signal } = this.#options
    await using database = openDatabase({ url, name: 'projector', poolSize: 1 })
    for (
      let delay = RESTART_FIRST_MS;
      !signal.aborted;
      delay = Math.min(2 * delay, RESTART_MAX_MS)
    ) {
      const startedAt = performance.now()
      try {
        await this.#lead(database)
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof CheckpointError) throw error
        log.warn('projection_interrupted', { error })
      } finally {
        this.#session = undefined
        this.#role = 'starting'
      }
      if (performance.now() - startedAt > RESTART_MAX_MS) delay = RESTART_FIRST_MS
      await wait(delay, undefined, { signal }).catch(() => undefined)
    }
  }

  async #lead({ db }: Database): Promise<void> {
    const { bus, payloads, databaseUrl: url, log, signal } = this.#options
    const onStandby = () => this.#become('standby')
    await using leadership = await lead({ url, name: 'projector-leader', signal, onStandby })
    const interrupted = new AbortController()
    this.#interrupt = () => interrupted.abort()
    const ends = await streamEnds(bus)
    const from = await resume(db, ends)
    const { client } = leadership
    this.#session = new Session({ bus, payloads, client, log, from, ends })
    this.#become('leader')
    log.info('leading', { ...from })
    await this.#session.run(AbortSignal.any([signal, leadership.lost, interrupted.signal]))
  }

  #become(role: Role): void {
    this.#role = role
    this.#settled.resolve(role)
  }
}
