/**
 * How far the log has been applied: one sequence per stream, and which stream it was counted on.
 *
 * Invariants:
 * 1. Both sequences stand in one row, and every batch moves it from where its writer believes it to
 *    be: a second writer finds it elsewhere and writes nothing.
 * 2. A checkpoint means something only on the stream that it was made on. A stream that was made
 *    anew or that ends before the checkpoint would deliver nothing, in silence.
 */
import type { Db } from './database.ts'
import type { Part } from './statement.ts'

export interface CheckpointTable {
  /** There is one row. */
  id?: true
  events_seq: number
  events_created: string
  commands_seq: number
  commands_created: string
}

/** "Everything up to this sequence is in the read models." */
export interface Position {
  readonly events: number
  readonly commands: number
}

/** A stream as the server shows it. */
export interface StreamEnd {
  /** ISO 8601, as the server says it. */
  readonly created: string
  readonly lastSeq: number
}

export interface Streams {
  readonly events: StreamEnd
  readonly commands: StreamEnd
}

export class CheckpointError extends Error {
  readonly code = 'CHECKPOINT_NOT_ON_STREAM'
  constructor(reason: string) {
    super(
      `${reason}. The read models do not belong to this log any more. ` +
        'Run `npm run projections:rebuild` to make them from the log anew.',
    )
    this.name = 'CheckpointError'
  }
}

/** Where to go on from; a database without a checkpoint gets one at the beginning. */
export async function resume(db: Db, streams: Streams): Promise<Position> {
  await createCheckpoint(db, streams)
  const stored = await readCheckpoint(db)
  if (stored === undefined) throw new Error('the checkpoint vanished')
  return checkStored(stored, streams)
}

/** Throws `CheckpointError` if `stored` does not lie on these streams. */
export function checkStored(stored: CheckpointTable, streams: Streams): Position {
  guard('EVENTS', stored.events_created, stored.events_seq, streams.events)
  guard('COMMANDS', stored.commands_created, stored.commands_seq, streams.commands)
  return { events: stored.events_seq, commands: stored.commands_seq }
}

function guard(stream: string, created: string, seq: number, end: StreamEnd): void {
  if (created !== milliseconds(end.created)) {
    throw new CheckpointError(
      `Stream ${stream} was made at ${end.created}, but the checkpoint at ${seq} was made on one of ${created}`,
    )
  }
  if (seq > end.lastSeq) {
    throw new CheckpointError(
      `Stream ${stream} ends at ${end.lastSeq}, before the checkpoint at ${seq}`,
    )
  }
}

export async function readCheckpoint(db: Db): Promise<CheckpointTable | undefined> {
  return db
    .selectFrom('checkpoint')
    .select(['events_seq', 'events_created', 'commands_seq', 'commands_created'])
    .executeTakeFirst()
}

async function createCheckpoint(db: Db, streams: Streams): Promise<void> {
  await db
    .insertInto('checkpoint')
    .values(rowOf(streams, { events: 0, commands: 0 }))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** For a rebuild, whose tables stand at `position`. */
export async function replaceCheckpoint(
  db: Db,
  streams: Streams,
  position: Position,
): Promise<void> {
  const row = rowOf(streams, position)
  await db
    .insertInto('checkpoint')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

function rowOf({ events, commands }: Streams, position: Position): CheckpointTable {
  return {
    events_seq: position.events,
    events_created: milliseconds(events.created),
    commands_seq: position.commands,
    commands_created: milliseconds(commands.created),
  }
}

/** The server counts nanoseconds, we store what a JavaScript date can say. */
export function milliseconds(time: string): string {
  return new Date(time).toISOString()
}

export const MOVED = 'moved'

export function moveCheckpoint(from: Position, to: Position): Part {
  return {
    name: MOVED,
    values: [from.events, from.commands, to.events, to.commands],
    sql: ($) => `
      update checkpoint set events_seq = ${$(3)}::bigint, commands_seq = ${$(4)}::bigint
      where events_seq = ${$(1)}::bigint and commands_seq = ${$(2)}::bigint
      returning events_seq`,
  }
}
