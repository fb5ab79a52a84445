/**
 * Gives the room of commands that are done back to COMMANDS.
 *
 * Invariants:
 * 1. A command is reclaimed only when everyone who reads it has acknowledged it and all before it:
 *    the projector and its function's durable, or the handler.
 * 2. What all readers are done with goes in one cut, which costs the server next to nothing. Only
 *    when a slow function holds that cut back while others have piled up much behind it, are those
 *    others' commands taken out by subject.
 */
import type { ConsumerInfo } from '@nats-io/jetstream'
import type { Bus } from '#events/jetstream/bus.ts'
import { COMMANDS, handlerDurable, projectorDurable } from '#events/streams.ts'
import { filters } from '#events/subjects.ts'

/** Commands behind the cut that are worth a purge of their own. */
const PILE = 10_000

interface Reader {
  readonly filter: string
  /** The first sequence that this reader may still need. */
  readonly needs: number
}

/** Tells how many commands were taken out. */
export async function reclaimCommands({ jsm }: Bus): Promise<number> {
  const { last_seq, messages } = (await jsm.streams.info(COMMANDS)).state
  if (messages === 0) return 0
  const readers: Reader[] = []
  let projectorNeeds = 0
  for await (const info of jsm.consumers.list(COMMANDS)) {
    const needs = firstNeeded(info, last_seq)
    const filter = info.config.filter_subject ?? filters.commands
    if (info.name === projectorDurable.durable_name) projectorNeeds = needs
    readers.push({ filter, needs })
  }
  if (!readers.some(({ filter }) => filter === handlerDurable.filter_subject)) return 0
  const cut = Math.min(projectorNeeds, ...readers.map(({ needs }) => needs))
  let purged = cut > 1 ? (await jsm.streams.purge(COMMANDS, { seq: cut })).purged : 0
  for (const { filter, needs } of readers) {
    const seq = Math.min(needs, projectorNeeds)
    if (filter === filters.commands || seq - cut < PILE) continue
    purged += (await jsm.streams.purge(COMMANDS, { filter, seq })).purged
  }
  return purged
}

function firstNeeded(info: ConsumerInfo, lastSeq: number): number {
  const { num_pending, num_ack_pending, ack_floor } = info
  // With nothing waiting and nothing in flight, everything so far is done, whoever it was for.
  return num_pending + num_ack_pending === 0 ? lastSeq + 1 : ack_floor.stream_seq + 1
}
