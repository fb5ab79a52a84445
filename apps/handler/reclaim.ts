/**
 * Gives the room of commands that are done back to COMMANDS.
 *
 * Invariants:
 * 1. A command is reclaimed only when everyone who reads it is done with it and all before it: the
 *    read model, by its own checkpoint, and the function's durable or the handler.
 * 2. What all readers are done with goes in one cut, which costs the server next to nothing. Only
 *    when a slow function holds that cut back while others have piled up much behind it, are those
 *    others' commands taken out by subject.
 * 3. The server counts what waits for a consumer some time after it has stored it. So one for whom
 *    nothing waits is done only with what was there at the look before.
 * 4. The list comes in pages, and one that goes meanwhile moves another from a page to come to one
 *    that has been. So whoever was there at the look before is asked for by name if the list lacks
 *    it, and who has come since needs nothing of what was there then.
 * 5. A look costs a list of all durables. So the next one is due the later the more there are, and,
 *    as long as nothing comes or goes in the stream, twice as late each time.
 */
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { isConsumerNotFound } from '#events/jetstream/api-errors.ts'
import type { Bus } from '#events/jetstream/bus.ts'
import { COMMANDS, handlerDurable } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'
import { milliseconds, readCheckpoint } from '#projections/checkpoint.ts'
import type { Db } from '#projections/database.ts'

/** Commands behind the cut that are worth a purge of their own. */
const PILE = 10_000
/** The least time between two looks, for each durable: 10,000 of them are listed every 50 s. */
const REST_PER_DURABLE_MS = 5
const IDLE_REST_FIRST_MS = 2_000
const IDLE_REST_MAX_MS = 60_000

interface Reader {
  readonly filter: string
  /** The first sequence that this reader may still need; Infinity: nothing waits for it. */
  readonly needs: number
}

interface Look {
  readonly created: string
  readonly lastSeq: number
  /** By the names of their consumers. */
  readonly readers: ReadonlyMap<string, Reader>
}

/** Tells how many commands were taken out; undefined: it was not worth a look yet. */
export type Reclaim = (nowMs: number) => Promise<number | undefined>

/** Called often, it looks when a look is due. */
export function createReclaim({ jsm }: Bus, db: Db): Reclaim {
  let seen = ''
  let before: Look = { created: '', lastSeq: 0, readers: new Map() }
  let lookedAt = -Infinity
  let idleMs = 0

  return async (nowMs) => {
    const { created, state } = await jsm.streams.info(COMMANDS)
    if (state.messages === 0) return 0
    const now = `${created}/${state.last_seq}/${state.messages}`
    if (now !== seen) idleMs = 0
    const restMs = Math.max(idleMs, before.readers.size * REST_PER_DURABLE_MS)
    if (nowMs < lookedAt + restMs) return undefined
    idleMs = Math.min(Math.max(IDLE_REST_FIRST_MS, 2 * idleMs), IDLE_REST_MAX_MS)
    seen = now
    lookedAt = nowMs
    const counted = before.created === created ? before.lastSeq : 0
    const end = Math.min(await firstUnapplied(db, created), counted + 1)
    const readers = await readersOf(jsm, before.readers.keys())
    before = { created, lastSeq: state.last_seq, readers }
    return purge(jsm, [...readers.values()], end)
  }
}

/** `known`: who must not be passed by. */
async function readersOf(
  jsm: JetStreamManager,
  known: Iterable<string>,
): Promise<ReadonlyMap<string, Reader>> {
  const readers = new Map<string, Reader>()
  const add = (info: ConsumerInfo) => {
    const filter = info.config.filter_subject ?? filters.commands
    readers.set(info.name, { filter, needs: firstNeeded(info) })
  }
  for await (const info of jsm.consumers.list(COMMANDS)) add(info)
  for (const name of known) {
    if (readers.has(name)) continue
    try {
      add(await jsm.consumers.info(COMMANDS, name))
    } catch (error) {
      if (!isConsumerNotFound(error)) throw error
    }
  }
  return readers
}

/** `end`: the first that is not to be purged, whoever is done with it; up to there all is counted. */
async function purge(jsm: JetStreamManager, readers: readonly Reader[], end: number) {
  if (!readers.some(({ filter }) => filter === handlerDurable.filter_subject)) return 0
  const cut = Math.min(end, ...readers.map(({ needs }) => needs))
  let purged = cut > 1 ? (await jsm.streams.purge(COMMANDS, { seq: cut })).purged : 0
  for (const { filter, needs } of readers) {
    const seq = Math.min(needs, end)
    if (seq - cut < PILE) continue
    purged += (await jsm.streams.purge(COMMANDS, { filter, seq })).purged
  }
  return purged
}

/** A checkpoint that was made on another stream says nothing about this one. */
async function firstUnapplied(db: Db, created: string): Promise<number> {
  const checkpoint = await readCheckpoint(db)
  const isOurs =
    checkpoint !== undefined && milliseconds(checkpoint.commands_created) === milliseconds(created)
  return isOurs ? checkpoint.commands_seq + 1 : 1
}

function firstNeeded({ num_pending, num_ack_pending, ack_floor }: ConsumerInfo): number {
  return num_pending + num_ack_pending === 0 ? Infinity : ack_floor.stream_seq + 1
}
