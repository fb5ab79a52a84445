/**
 * Where the streams end, and whether what lies before an end is gone.
 *
 * A stream's last messages may have been removed (by their TTL, or acknowledged by everybody): no
 * consumer will ever deliver them, and a position that waits for them makes its readers wait for
 * ever.
 */
import type { Bus } from '#events/jetstream/bus.ts'
import { COMMANDS, EVENTS } from '#events/streams.ts'
import type { Position, Streams, StreamEnd } from '#projections/checkpoint.ts'
import type { StreamName } from './intake.ts'

export async function streamEnds(bus: Bus): Promise<Streams> {
  const [events, commands] = await Promise.all([endOf(bus, EVENTS), endOf(bus, COMMANDS)])
  return { events, commands }
}

async function endOf({ jsm }: Bus, stream: StreamName): Promise<StreamEnd> {
  const { created, state } = await jsm.streams.info(stream)
  return { created, lastSeq: state.last_seq }
}

/** `position`, moved to each end that has nothing left between it and the position. */
export async function pastRemoved(bus: Bus, position: Position, ends: Streams): Promise<Position> {
  const [events, commands] = await Promise.all([
    past(bus, EVENTS, position.events, ends.events.lastSeq),
    past(bus, COMMANDS, position.commands, ends.commands.lastSeq),
  ])
  return { events, commands }
}

async function past({ jsm }: Bus, stream: StreamName, seq: number, end: number): Promise<number> {
  if (end <= seq) return seq
  const next = await jsm.direct.getMessage(stream, { seq: seq + 1, next_by_subj: '>' })
  return next === null || next.seq > end ? end : seq
}
